/** The tabs of the open files, and below them where the file is and what can be done with it. */

import { navigate } from "../../app/routes.ts";
import { Button, formatBytes, Icon } from "../../ui/index.ts";
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
  const all = documents.all.value;
  const editable = current?.content?.type === "text";
  return (
    <header class="files-bar">
      <nav class="files-tabs" aria-label="Open files">
        {all.map((document, index) => (
          <span key={document.id} class="files-tab" data-selected={document.id === current?.id ? "true" : undefined}>
            <button
              type="button"
              class="files-tab-name"
              aria-current={document.id === current?.id ? "true" : undefined}
              tabIndex={document.id === current?.id ? 0 : -1}
              title={shown(document.path)}
              onClick={() => documents.show(document.id)}
              onAuxClick={event => {
                if (event.button === 1) props.onClose(document);
              }}
              onKeyDown={event => {
                const to = { ArrowLeft: index - 1, ArrowRight: index + 1 }[event.key];
                const next = to === undefined ? undefined : all[(to + all.length) % all.length];
                if (event.key === "Delete") props.onClose(document);
                if (next === undefined) return;
                event.preventDefault();
                documents.show(next.id);
                const tabs = event.currentTarget.closest("nav")?.querySelectorAll<HTMLElement>(".files-tab-name");
                tabs?.[all.indexOf(next)]?.focus();
              }}
            >
              <span class="truncate">{shown(nameOf(document.path))}</span>
              {document.dirty && (
                <>
                  <span class="files-unsaved" aria-hidden="true" />
                  <span class="visually-hidden">, not saved</span>
                </>
              )}
            </button>
            <button
              type="button"
              class="files-tab-close"
              tabIndex={-1}
              aria-label={`Close ${shown(nameOf(document.path))}`}
              onClick={() => props.onClose(document)}
            >
              <Icon name="close" size={12} />
            </button>
          </span>
        ))}
      </nav>
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
