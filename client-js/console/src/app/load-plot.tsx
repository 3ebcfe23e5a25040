/** CPU and memory of the sandbox, small. */

/** The plot in the status bar. */
export function LoadPlot() {
  return null;
}
