/** What of a panel the address names. */

import { useRef } from "preact/hooks";
import type { PanelProps } from "./panels.ts";

/** The first part of the panel's path. While another panel is shown, the last that it was: the address is that panel's then. */
export function useWanted(props: Pick<PanelProps, "active" | "path">): string | undefined {
  const last = useRef(props.path[0]);
  if (props.active) last.current = props.path[0];
  return last.current;
}
