/** HTML and Markdown from a notebook, in a shadow tree of their own: what they say of styles holds nowhere else. */

import { useEffect, useRef, useState } from "preact/hooks";
import { markdownToHtml } from "./markdown.ts";
import base from "./markup.css?inline";
import { type BuildOptions, type Built, buildMarkup, harmlessSheet } from "./markup.ts";

/** Our own rules, the same for all. */
let shared: CSSStyleSheet | undefined;

/** Shows HTML. */
export function HtmlView(props: { label: string; html: string }) {
  return <MarkupView label={props.label} source={props.html} build={buildMarkup} />;
}

/** Shows Markdown. */
export function MarkdownView(props: {
  label: string;
  text: string;
  attachment?: BuildOptions["attachment"] | undefined;
}) {
  const { attachment } = props;
  return (
    <MarkupView
      label={props.label}
      source={props.text}
      build={text => buildMarkup(markdownToHtml(text), attachment && { attachment })}
    />
  );
}

function MarkupView(props: { label: string; source: string; build: (source: string) => Built }) {
  const { label, source } = props;
  const box = useRef<HTMLDivElement>(null);
  const [left, setLeft] = useState({ scripts: false, pictures: false });
  const build = useRef(props.build);
  build.current = props.build;
  useEffect(() => {
    const host = box.current;
    if (host === null) return undefined;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const { content, css, scripts, pictures, release } = build.current(source);
    shared ??= sheetOf(base);
    root.adoptedStyleSheets = css === "" ? [shared] : [shared, harmlessSheet(css)];
    root.replaceChildren(content);
    setLeft({ scripts, pictures });
    return release;
  }, [source]);
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

function sheetOf(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}
