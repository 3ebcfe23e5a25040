/** Ports. */

import type { PanelProps } from "../../app/panels.ts";
import { EmptyState, Panel } from "../../ui/index.ts";

/** The panel. */
export default function PortsPanel(_: PanelProps) {
  return (
    <Panel title="Ports">
      <EmptyState icon="ports" title="Nothing here yet">
        Soon.
      </EmptyState>
    </Panel>
  );
}
