/** What a cell said, each thing in the best form that this page can show. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatBytes } from "../../ui/index.ts";
import type { JsonObject, MimeContent, Output } from "./ipynb.ts";
import { JsonTree } from "./json-tree.tsx";
import { HtmlView, LatexView, MarkdownView } from "./markup-view.tsx";
import { StreamView } from "./stream-view.tsx";

/** Outputs that are drawn at first. */
const SHUT = 40;

const IMAGE = /^image\/(png|jpeg|gif|webp|bmp|avif)$/;
/** What is data to be drawn by a library that is not here. */
const CHART = /^application\/vnd\.(plotly|vega|vegalite)\.v\d.*\+json$/;
/** Best first. What has a chart's data has scripts in its HTML. */
const ORDER: readonly RegExp[] = [
  CHART,
  /^text\/html$/,
  /^text\/markdown$/,
  /^image\/svg\+xml$/,
  /^text\/latex$/,
  IMAGE,
  // Not a widget, which is nothing without its scripts: its text says at least what it is.
  /^application\/(?!vnd\.jupyter\.widget).*json$/,
  /^text\/plain$/,
  /^(text|application)\/javascript$/,
  /^text\//,
];

/** Shows the outputs of a cell. */
export function OutputsView(props: { outputs: readonly Output[]; name: string; growing: boolean }) {
  const { outputs, name } = props;
  const all = useSignal(false);
  const shown = all.value || outputs.length <= SHUT ? outputs : outputs.slice(0, SHUT);
  return (
    <>
      {shown.map((output, i) => (
        <OutputView
          // What is appended to, or replaced, keeps its place.
          key={`${i} ${output.type}`}
          output={output}
          label={`Output ${i + 1} of ${name}`}
          growing={props.growing && i === outputs.length - 1}
        />
      ))}
      {shown.length < outputs.length && (
        <button
          type="button"
          class="notebooks-more"
          onClick={() => {
            all.value = true;
          }}
        >
          Show all {outputs.length.toLocaleString("en")} outputs
        </button>
      )}
    </>
  );
}

function OutputView(props: { output: Output; label: string; growing: boolean }) {
  const { output, label } = props;
  if (output.type === "stream") {
    return (
      <StreamView
        label={label}
        text={output.text}
        dropped={output.dropped}
        growing={props.growing}
        {...(output.name === "stderr" && { tone: "stderr" as const })}
      />
    );
  }
  if (output.type === "error") {
    const text = output.traceback.length > 0 ? output.traceback.join("\n") : `${output.name}: ${output.value}`;
    return <StreamView label={label} text={text} tone="error" />;
  }
  if (output.type === "dropped") return <p class="notebooks-note">Left out: {output.what}.</p>;
  if (output.type === "unknown") return <p class="notebooks-note">An output of a kind that is not known here.</p>;
  const mime = bestOf([...output.parts.keys()]);
  const content = mime === undefined ? undefined : output.parts.get(mime);
  if (mime === undefined || content === undefined) {
    const [first] = output.parts;
    return (
      <p class="notebooks-note">
        {first === undefined
          ? "An output with nothing in it."
          : `An output of the type ${first[0]}, which is not shown here (${formatBytes(sizeOf(first[1]))}).`}
      </p>
    );
  }
  return <Content mime={mime} content={content} metadata={output.metadata} parts={output.parts} label={label} />;
}

function Content(props: {
  mime: string;
  content: MimeContent;
  metadata: JsonObject;
  parts: ReadonlyMap<string, MimeContent>;
  label: string;
}) {
  const { mime, content, label } = props;
  if (content.type === "json") {
    return (
      <>
        {CHART.test(mime) && <p class="notebooks-note">A chart, as data: it is not drawn here.</p>}
        <JsonTree label={label} value={content.value} open={!CHART.test(mime)} />
      </>
    );
  }
  if (content.type === "bytes") {
    return (
      <ImageView mime={mime} bytes={content.bytes} about={props.metadata[mime]} label={nameOf(props.parts, label)} />
    );
  }
  const { text } = content;
  if (mime === "text/html") return <HtmlView label={label} html={text} />;
  if (mime === "text/markdown") return <MarkdownView label={label} text={text} />;
  if (mime === "text/latex") return <LatexView label={label} text={text} />;
  if (mime === "image/svg+xml") {
    return (
      <ImageView
        mime={mime}
        bytes={new TextEncoder().encode(text)}
        about={props.metadata[mime]}
        label={nameOf(props.parts, label)}
      />
    );
  }
  if (mime.endsWith("javascript")) {
    return (
      <>
        <p class="notebooks-note">JavaScript, which is not run here:</p>
        <StreamView label={label} text={text} />
      </>
    );
  }
  return <StreamView label={label} text={text} />;
}

/** An image, also of SVG: there nothing of it runs, and nothing is loaded. */
function ImageView(props: {
  mime: string;
  bytes: Uint8Array<ArrayBuffer>;
  about: JsonObject[string] | undefined;
  label: string;
}) {
  const { mime, bytes } = props;
  const url = useSignal<string | undefined>(undefined);
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([bytes], { type: mime }));
    url.value = made;
    return () => URL.revokeObjectURL(made);
  }, [bytes, mime, url]);
  const { width, height } = (props.about ?? {}) as { width?: unknown; height?: unknown };
  const size = {
    ...(typeof width === "number" && width > 0 && { width }),
    ...(typeof height === "number" && height > 0 && { height }),
  };
  return url.value === undefined ? null : <img class="notebooks-image" src={url.value} alt={props.label} {...size} />;
}

function bestOf(mimes: readonly string[]): string | undefined {
  for (const wanted of ORDER) {
    const found = mimes.find(mime => wanted.test(mime));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A picture is called what its text says. */
function nameOf(parts: ReadonlyMap<string, MimeContent>, label: string): string {
  const plain = parts.get("text/plain");
  return plain?.type === "text" && plain.text !== "" ? `${label}: ${plain.text.slice(0, 120)}` : label;
}

function sizeOf(content: MimeContent): number {
  if (content.type === "bytes") return content.bytes.length;
  return content.type === "text" ? content.text.length : JSON.stringify(content.value).length;
}
