/** Metrics. */

import type { PanelProps } from "../../app/panels.ts";
import { EmptyState, Panel } from "../../ui/index.ts";

/** The panel. */
export default function MetricsPanel(_: PanelProps) {
  return (
    <Panel title="Metrics">
      <EmptyState icon="metrics" title="Nothing here yet">
        Soon.
      </EmptyState>
    </Panel>
  );
}
