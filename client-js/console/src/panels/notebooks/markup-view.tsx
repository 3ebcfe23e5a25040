/** HTML and Markdown from a notebook, in a shadow tree of their own: what they say of styles holds nowhere else. */

import { useEffect, useRef, useState } from "preact/hooks";
import { markdownToHtml } from "./markdown.ts";
import base from "./markup.css?inline";
import { type BuildOptions, buildMarkup, harmlessSheet } from "./markup.ts";
import { latexToHtml, loadMath, mathNode } from "./math.ts";

/** Our own rules, the same for all. */
let shared: CSSStyleSheet | undefined;

/** Shows HTML. */
export function HtmlView(props: { label: string; html: string }) {
  return <MarkupView label={props.label} source={props.html} toHtml={asItIs} />;
}

/** Shows Markdown. */
export function MarkdownView(props: { label: string; text: string; attachment?: BuildOptions["attachment"] }) {
  const { attachment } = props;
  return (
    <MarkupView
      label={props.label}
      source={props.text}
      toHtml={markdownToHtml}
      {...(attachment === undefined ? {} : { attachment })}
    />
  );
}

/** Shows LaTeX. */
export function LatexView(props: { label: string; text: string }) {
  return <MarkupView label={props.label} source={props.text} toHtml={latexToHtml} />;
}

function MarkupView(props: {
  label: string;
  source: string;
  toHtml: (source: string) => string;
  attachment?: BuildOptions["attachment"];
}) {
  const { label, source, toHtml, attachment } = props;
  const box = useRef<HTMLDivElement>(null);
  const [left, setLeft] = useState({ scripts: false, pictures: false });
  /** Grows when the renderer of formulas has come. */
  const [rebuilt, setRebuilt] = useState(0);
  useEffect(() => {
    const host = box.current;
    if (host === null) return undefined;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    let formulas = false;
    const { content, css, scripts, pictures, release } = buildMarkup(toHtml(source), {
      math: (latex, block) =>
        mathNode(latex, block, () => {
          formulas = true;
        }),
      ...(attachment && { attachment }),
    });
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
