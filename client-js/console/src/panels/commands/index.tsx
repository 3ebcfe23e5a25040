/** Commands. */

import type { PanelProps } from "../../app/panels.ts";
import { EmptyState, Panel } from "../../ui/index.ts";

/** The panel. */
export default function CommandsPanel(_: PanelProps) {
  return (
    <Panel title="Commands">
      <EmptyState icon="commands" title="Nothing here yet">
        Soon.
      </EmptyState>
    </Panel>
  );
}
