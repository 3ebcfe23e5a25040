/** Files. */

import type { PanelProps } from "../../app/panels.ts";
import { EmptyState, Panel } from "../../ui/index.ts";

/** The panel. */
export default function FilesPanel(_: PanelProps) {
  return (
    <Panel title="Files">
      <EmptyState icon="files" title="Nothing here yet">
        Soon.
      </EmptyState>
    </Panel>
  );
}
