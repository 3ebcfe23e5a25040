/** HTML and Markdown from a notebook, in a shadow tree of their own: what they say of styles holds nowhere else. */

import { useEffect, useRef, useState } from "preact/hooks";
import { markdownToHtml } from "./markdown.ts";
import base from "./markup.css?inline";
import { type BuildOptions, type Built, buildMarkup, harmlessSheet } from "./markup.ts";
import { latexToHtml, loadMath, mathNode } from "./math.ts";
import { StreamView } from "./stream-view.tsx";

/** Characters of HTML, and of Markdown and LaTeX, that are drawn; longer texts are shown as they are written. */
const MOST_HTML = 4 * 1024 * 1024;
const MOST_TEXT = 256 * 1024;

/** Our own rules, the same for all. */
let shared: CSSStyleSheet | undefined;

/** Shows HTML. */
export function HtmlView(props: { label: string; html: string }) {
  return <MarkupView label={props.label} source={props.html} most={MOST_HTML} toHtml={asItIs} />;
}

/** Shows Markdown. */
export function MarkdownView(props: { label: string; text: string; attachment?: BuildOptions["attachment"] }) {
  const { attachment } = props;
  return (
    <MarkupView
      label={props.label}
      source={props.text}
      most={MOST_TEXT}
      toHtml={markdownToHtml}
      {...(attachment === undefined ? {} : { attachment })}
    />
  );
}

/** Shows LaTeX. */
export function LatexView(props: { label: string; text: string }) {
  return <MarkupView label={props.label} source={props.text} most={MOST_TEXT} toHtml={latexToHtml} />;
}

interface MarkupProps {
  label: string;
  source: string;
  /** Characters that are drawn. */
  most: number;
  toHtml: (source: string) => string;
  attachment?: BuildOptions["attachment"];
}

function MarkupView(props: MarkupProps) {
  const [failed, setFailed] = useState<string | undefined>(undefined);
  const { label, source, most } = props;
  if (source.length <= most && failed !== source) return <Drawn {...props} onFailed={() => setFailed(source)} />;
  return (
    <>
      <p class="notebooks-note">
        {source.length > most ? "This is too long to be drawn" : "This cannot be drawn"}; it is shown as it is written:
      </p>
      <StreamView label={label} text={source} />
    </>
  );
}

/** Draws it; `onFailed` is called when that cannot be done, as with what is nested too deep. */
function Drawn(props: MarkupProps & { onFailed: () => void }) {
  const { label, source, toHtml, attachment } = props;
  const box = useRef<HTMLDivElement>(null);
  const failed = useRef(props.onFailed);
  const [left, setLeft] = useState({ scripts: false, pictures: false });
  /** Grows when the renderer of formulas has come. */
  const [rebuilt, setRebuilt] = useState(0);
  useEffect(() => {
    const host = box.current;
    if (host === null) return undefined;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    let formulas = false;
    const math = (latex: string, block: boolean) =>
      mathNode(latex, block, () => {
        formulas = true;
      });
    let built: Built;
    try {
      built = buildMarkup(toHtml(source), { math, ...(attachment && { attachment }) });
    } catch {
      failed.current();
      return undefined;
    }
    const { content, css, scripts, pictures, release } = built;
    shared ??= sheetOf(base);
    root.adoptedStyleSheets = css === "" ? [shared] : [shared, harmlessSheet(css)];
    root.replaceChildren(content);
    setLeft({ scripts, pictures });
    // What cannot be loaded stays as it is written.
    if (formulas)
      void loadMath().then(
        () => setRebuilt(count => count + 1),
        () => {},
      );
    return release;
  }, [source, toHtml, attachment, rebuilt]);
  return (
    <>
      {/* Around the tree, where its own rules do not reach: nothing of it is ever drawn outside. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys. */}
      <section class="notebooks-markup" aria-label={label} tabIndex={0}>
        <div ref={box} />
      </section>
      {left.scripts && (
        <p class="notebooks-note">It has scripts in it, which are not run here; what they would show is missing.</p>
      )}
      {left.pictures && <p class="notebooks-note">Pictures from elsewhere are not loaded here.</p>}
    </>
  );
}

/** HTML is HTML. */
function asItIs(html: string): string {
  return html;
}

function sheetOf(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}
