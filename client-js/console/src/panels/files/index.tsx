/** Files: the tree, what is open of it, what comes and goes. */

import type { PanelProps } from "../../app/panels.ts";
import { ErrorState, Loading, Panel } from "../../ui/index.ts";
import { ONCE, usePoll } from "../../ui/use-poll.ts";
import { FilesBrowser } from "./browser.tsx";
import "./syntax.css";
import "./files.css";

/** The panel. */
export default function FilesPanel(props: PanelProps) {
  const { client, active } = props;
  // The workspace does not change while the server runs.
  const info = usePoll(active, ONCE, signal => client.info({ signal }));
  if (info.data !== undefined) return <FilesBrowser {...props} workspace={info.data.workspace} />;
  return (
    <Panel title="Files">
      {info.error === undefined ? (
        <Loading>Looking for the workspace…</Loading>
      ) : (
        <ErrorState title="The workspace is not known" error={info.error} onRetry={info.refresh} />
      )}
    </Panel>
  );
}
