/** The tabs of the open files, and below them where the file is and what can be done with it. */

import { navigate } from "../../app/routes.ts";
import { FileTabs } from "../../ui/file-tabs.tsx";
import { Button, formatBytes } from "../../ui/index.ts";
import type { Document, Documents } from "./documents.ts";
import { modeText, nameOf, parentOf, shown } from "./paths.ts";

/** Shows the bar. */
export function DocumentBar(props: {
  documents: Documents;
  current: Document | undefined;
  onClose: (document: Document) => void;
  onSave: (id: number) => void;
  onDownload: (path: string) => void;
}) {
  const { documents, current } = props;
  const tabs = documents.all.value.map(document => ({
    key: document.id,
    name: shown(nameOf(document.path)),
    path: shown(document.path),
    current: document.id === current?.id,
    unsaved: document.dirty,
    show: () => documents.show(document.id),
    close: () => props.onClose(document),
  }));
  const editable = current?.content?.type === "text";
  return (
    <header class="files-bar">
      <FileTabs label="Open files" panel="files" tabs={tabs} />
      {current !== undefined && (
        <div class="files-about">
          <Button
            class="phone-only"
            kind="ghost"
            icon="files"
            label="Back to the tree"
            onClick={() => {
              documents.current.value = undefined;
            }}
          />
          <span class="files-path truncate" title={shown(current.path)}>
            <span class="muted">{shown(parentOf(current.path)).replace(/\/?$/, "/")}</span>
            {shown(nameOf(current.path))}
          </span>
          {current.state === "ready" && (
            <span class="files-figures muted desktop-only">
              {formatBytes(current.size)} · <code>{modeText(current.mode)}</code>
            </span>
          )}
          <span class="files-space" />
          {current.path.endsWith(".ipynb") && (
            <Button
              icon="notebooks"
              label="Open as a notebook"
              onClick={() => navigate("notebooks", current.path.split("/").filter(Boolean))}
            >
              <span class="desktop-only">Notebook</span>
            </Button>
          )}
          <Button
            kind="ghost"
            icon="download"
            label="Download this file"
            onClick={() => props.onDownload(current.path)}
          />
          {editable && (
            <Button
              kind={current.dirty ? "primary" : "normal"}
              disabled={!current.dirty || current.saving}
              label={current.dirty ? "Save (Ctrl+S)" : "Saved"}
              onClick={() => props.onSave(current.id)}
            >
              {current.dirty ? "Save" : "Saved"}
            </Button>
          )}
        </div>
      )}
    </header>
  );
}
