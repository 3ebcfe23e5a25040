/** uPlot: a chunk of its own, loaded when the first plot is seen. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** A line of a plot. */
export interface Line {
  readonly label: string;
  /** The name of a colour of the design system, as `--accent`. */
  readonly colour: string;
  /** Whether the ground below it is tinted. */
  readonly fill: boolean;
}

/** What a plot is told. */
export interface PlotOptions {
  readonly parent: HTMLElement;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** The top of the scale; it grows with the values where there is none. */
  readonly max?: number | undefined;
  /** Whether the steps of the scale are powers of two, as bytes want it. Default: false. */
  readonly binary?: boolean | undefined;
  /** The pointer is above this moment, or above none. */
  readonly onHover: (index: number | undefined) => void;
}

/** A plot in the page. */
export interface Plot {
  /** Times in milliseconds since 1970, and a column a line. */
  set(times: readonly number[], columns: readonly (readonly (number | null)[])[]): void;
  resize(width: number, height: number): void;
  destroy(): void;
}

/** Steps of a scale of bytes. */
const BINARY = Array.from({ length: 45 }, (_, power) => 2 ** power);

/** Seconds that a plot shows at least. */
const LEAST_SECONDS = 60;

/** Makes a plot. */
export function createPlot(options: PlotOptions): Plot {
  const style = getComputedStyle(options.parent);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour("--text-3"),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour("--border"), width: 1 },
    ticks: { show: false },
    size: 24,
  };
  const plot = new uPlot(
    {
      width: Math.max(100, options.parent.clientWidth),
      height: Math.max(60, options.parent.clientHeight),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      // On the right half of a time must have room.
      padding: [8, 28, 0, 0],
      scales: {
        x: { time: true, range: (_, from, to) => span(from, to) },
        y: { range: (_, __, top) => [0, options.max ?? Math.max(top * 1.15, Number.MIN_VALUE)] },
      },
      axes: [
        { ...axis, space: 90, values: (_, seconds) => seconds.map(clock) },
        {
          ...axis,
          size: 62,
          space: 34,
          values: (_, values) => values.map(options.format),
          ...(options.binary ? { incrs: BINARY } : {}),
        },
      ],
      series: [
        {},
        ...options.lines.map(line => ({
          label: line.label,
          stroke: colour(line.colour),
          width: 1.5,
          points: { show: false },
          ...(line.fill ? { fill: `color-mix(in srgb, ${colour(line.colour)} 14%, transparent)` } : {}),
        })),
      ],
      hooks: { setCursor: [self => options.onHover(self.cursor.idx ?? undefined)] },
    },
    [[], ...options.lines.map(() => [])],
    options.parent,
  );
  return {
    set: (times, columns) =>
      plot.setData([times.map(ms => ms / 1000), ...columns.map(values => [...values])] as unknown as uPlot.AlignedData),
    resize: (width, height) => plot.setSize({ width, height }),
    destroy: () => plot.destroy(),
  };
}

/** From the first moment to the last, but not so short that its marks would all be the same second. */
function span(from: number | null, to: number | null): [number, number] {
  const end = to ?? Date.now() / 1000;
  return [Math.min(from ?? end, end - LEAST_SECONDS), end];
}

/** `14:03:07`, without the date: the plots show minutes. */
function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}
