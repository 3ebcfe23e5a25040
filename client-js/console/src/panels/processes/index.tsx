/** Processes. */

import type { PanelProps } from "../../app/panels.ts";
import { EmptyState, Panel } from "../../ui/index.ts";

/** The panel. */
export default function ProcessesPanel(_: PanelProps) {
  return (
    <Panel title="Processes">
      <EmptyState icon="processes" title="Nothing here yet">
        Soon.
      </EmptyState>
    </Panel>
  );
}
