/** Terminals. */

import type { PanelProps } from "../../app/panels.ts";
import { EmptyState, Panel } from "../../ui/index.ts";

/** The panel. */
export default function TerminalsPanel(_: PanelProps) {
  return (
    <Panel title="Terminals">
      <EmptyState icon="terminal" title="Nothing here yet">
        Soon.
      </EmptyState>
    </Panel>
  );
}
