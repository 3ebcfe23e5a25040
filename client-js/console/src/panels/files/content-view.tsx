/** What is seen of an open file: an editor, a picture, or what is known of its bytes. */

import { useMemo } from "preact/hooks";
import { Button, EmptyState, ErrorState, formatBytes, Loading } from "../../ui/index.ts";
import type { Document, Documents } from "./documents.ts";
import { EditorPane, type Saves } from "./editor-view.tsx";
import { hexRows, MOST_TEXT } from "./file-kind.ts";
import { nameOf, shown } from "./paths.ts";

/** Shows a document. */
export function ContentView(props: {
  documents: Documents;
  document: Document;
  active: boolean;
  saves: Saves;
  onDownload: () => void;
}) {
  const { documents, document: file, active, saves, onDownload } = props;
  const { content } = file;
  const name = shown(nameOf(file.path));
  if (file.state === "failed") {
    return (
      <ErrorState title={`${name} cannot be shown`} error={file.error} onRetry={() => void documents.reload(file.id)} />
    );
  }
  if (content === undefined) return <Loading>Reading {name}…</Loading>;
  if (content.type === "text") {
    return (
      <EditorPane
        documents={documents}
        document={file}
        text={content.text}
        lineBreak={content.lineBreak}
        active={active}
        saves={saves}
      />
    );
  }
  if (content.type === "part") {
    const note = `${formatBytes(file.size)}: only the beginning is shown, and files of more than ${formatBytes(MOST_TEXT)} are not edited here. Download it, or use a terminal.`;
    return (
      <EditorPane
        documents={documents}
        document={file}
        text={content.text}
        lineBreak="mixed"
        readOnly={note}
        active={active}
        saves={saves}
      />
    );
  }
  if (content.type === "image") {
    return (
      <div class="files-image">
        <img src={content.url} alt={name} />
      </div>
    );
  }
  if (file.size === 0) {
    return (
      <EmptyState icon="file" title={`${name} is empty`}>
        It has no bytes.
      </EmptyState>
    );
  }
  return <HexView name={name} bytes={content.bytes} size={file.size} onDownload={onDownload} />;
}

function HexView(props: { name: string; bytes: Uint8Array; size: number; onDownload: () => void }) {
  const rows = useMemo(() => hexRows(props.bytes), [props.bytes]);
  return (
    <div class="files-binary">
      <div class="files-notice">
        <span>
          {props.name} is no text ({formatBytes(props.size)}).{" "}
          {props.size > props.bytes.length && `The first ${formatBytes(props.bytes.length)} of it:`}
        </span>
        <Button icon="download" onClick={props.onDownload}>
          Download
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys. */}
      <section class="files-hex" tabIndex={0} aria-label={`The first bytes of ${props.name}`}>
        <pre>
          {rows.map(row => (
            <div key={row.offset}>
              <span class="muted">{row.offset}</span>
              {`  ${row.hex}  `}
              <span class="files-hex-text">{row.text}</span>
            </div>
          ))}
        </pre>
      </section>
    </div>
  );
}
