/** LaTeX. */

import { StreamView } from "./stream-view.tsx";

/** Shows a text of LaTeX. */
export function MathView(props: { label: string; latex: string }) {
  return <StreamView label={props.label} text={props.latex} />;
}
