/**
 * HTML from a kernel as elements of the page, built one by one from what is known to be harmless: nothing of it is ever given
 * to the browser as markup. What it says in scripts, frames, forms and plug-ins is left out, addresses lead outwards only, and
 * nothing is loaded from anywhere.
 */

import { Parser } from "htmlparser2";

/** What was built. */
export interface Built {
  readonly content: DocumentFragment;
  /** The rules of its `<style>` elements. */
  readonly css: string;
  /** Something was left out that would have run. */
  readonly scripts: boolean;
  /** Addresses of pictures that were not loaded. */
  readonly pictures: boolean;
  /** Gives back what pictures take. Called when the content is not shown any more. */
  release(): void;
}

/** How to build. */
export interface BuildOptions {
  /** The picture of that name, as a `data:` address: attachments of a text cell. */
  readonly attachment?: (name: string) => string | undefined;
  /** Makes an element of mathematics, given as `<x-math>`. */
  readonly math?: (latex: string, block: boolean) => Node;
}

const ELEMENTS = new Set(
  `a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div dl
  dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hgroup hr i img input ins kbd label legend li main mark menu
  meter nav ol p pre progress q rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th
  thead time tr tt u ul var wbr`.split(/\s+/),
);

/** What these hold is no text for people. */
const SWALLOWED = new Set(
  "script style template iframe frame frameset object embed applet noscript noembed noframes title head textarea select option button canvas audio video map math svg link meta base".split(
    " ",
  ),
);

/** What would have run, or loaded something that does. */
const RUNS = new Set("script iframe frame object embed applet".split(" "));

const ATTRIBUTES = new Set(
  `abbr align bgcolor border cellpadding cellspacing checked class clear color colspan compact datetime dir face headers
  height high hspace id lang low max min noshade nowrap open optimum reversed rowspan rules scope size span start summary
  title type valign value vspace width`.split(/\s+/),
);

const OPEN_LINK = /^(https?:|mailto:)/i;
const OPEN_PICTURE = /^data:image\/(png|jpeg|gif|webp|bmp|avif|svg\+xml)[;,]/i;

/** Elements that are built of one output; of more the rest is left out. */
const MOST_ELEMENTS = 60_000;
/** How deep they may stand in one another. */
const MOST_DEPTH = 200;

/** Builds what a text of HTML says. */
export function buildMarkup(html: string, options: BuildOptions = {}): Built {
  const content = document.createDocumentFragment();
  const open: Node[] = [content];
  const css: string[] = [];
  const urls: string[] = [];
  let elements = 0;
  let scripts = false;
  let pictures = false;
  /** The name of the element whose content is swallowed, and how many of that name are open. */
  let swallowed: { name: string; depth: number; start: number; math?: "inline" | "block" } | undefined;
  let text = "";
  const top = () => open.at(-1) as Node;

  const parser: Parser = new Parser({
    onopentag(name, attributes) {
      if (swallowed !== undefined) {
        if (name === swallowed.name) swallowed.depth += 1;
        if (RUNS.has(name)) scripts = true;
        return;
      }
      if (name === "x-math") {
        const block = attributes["class"] === "block";
        swallowed = { name, depth: 1, start: parser.startIndex, math: block ? "block" : "inline" };
        text = "";
        return;
      }
      if (SWALLOWED.has(name)) {
        if (RUNS.has(name)) scripts = true;
        swallowed = { name, depth: 1, start: parser.startIndex };
        text = "";
        return;
      }
      elements += 1;
      // What is not known stands for its content.
      if (!ELEMENTS.has(name) || elements > MOST_ELEMENTS || open.length > MOST_DEPTH) {
        open.push(top());
        return;
      }
      if (name === "input" && attributes["type"] !== "checkbox") {
        open.push(top());
        return;
      }
      const made = document.createElement(name);
      if (!setAttributes(made, attributes, options)) pictures = true;
      top().appendChild(made);
      open.push(made);
    },
    ontext(data) {
      if (swallowed !== undefined) text += data;
      else top().appendChild(document.createTextNode(data));
    },
    onclosetag(name) {
      if (swallowed === undefined) {
        if (open.length > 1) open.pop();
        return;
      }
      if (name !== swallowed.name) return;
      swallowed.depth -= 1;
      if (swallowed.depth > 0) return;
      const { start, math } = swallowed;
      swallowed = undefined;
      if (name === "style") css.push(text);
      else if (name === "svg") top().appendChild(drawing(html.slice(start, parser.endIndex + 1), urls));
      else if (math !== undefined) {
        top().appendChild(options.math?.(text, math === "block") ?? document.createTextNode(text));
      }
    },
  });
  parser.write(html);
  parser.end();
  return {
    content,
    css: css.join("\n"),
    scripts,
    pictures,
    release: () => {
      for (const url of urls) URL.revokeObjectURL(url);
    },
  };
}

/** The rules of a style sheet, without those that could load anything. */
export function harmlessSheet(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  // What is imported, a sheet that is made like this leaves out by itself.
  sheet.replaceSync(css);
  for (let i = sheet.cssRules.length - 1; i >= 0; i -= 1) {
    if (loads(sheet.cssRules[i]?.cssText ?? "")) sheet.deleteRule(i);
  }
  return sheet;
}

/** An image of an SVG text: there nothing of it runs, and nothing is loaded. */
export function drawing(svg: string, urls: string[]): HTMLImageElement {
  const image = document.createElement("img");
  const whole = /^<svg[^>]*\sxmlns=/i.test(svg)
    ? svg
    : svg.replace(/^<svg/i, '<svg xmlns="http://www.w3.org/2000/svg"');
  const url = URL.createObjectURL(new Blob([whole], { type: "image/svg+xml" }));
  urls.push(url);
  image.src = url;
  image.alt = "drawing";
  return image;
}

/** Whether all of it could be set. */
function setAttributes(
  element: HTMLElement,
  attributes: Readonly<Record<string, string>>,
  options: BuildOptions,
): boolean {
  const name = element.localName;
  let whole = true;
  for (const [key, value] of Object.entries(attributes)) {
    if (ATTRIBUTES.has(key)) element.setAttribute(key, value);
    else if (key === "style") setStyle(element, value);
    else if (key === "href" && name === "a" && OPEN_LINK.test(value.trim())) element.setAttribute("href", value.trim());
  }
  if (element instanceof HTMLAnchorElement && element.hasAttribute("href")) {
    element.target = "_blank";
    element.rel = "noopener noreferrer nofollow";
  }
  if (element instanceof HTMLInputElement) {
    element.disabled = true;
    element.setAttribute("aria-label", "task");
  }
  if (element instanceof HTMLImageElement) {
    const source = (attributes["src"] ?? "").trim();
    const attached = source.startsWith("attachment:") ? options.attachment?.(source.slice(11)) : source;
    element.alt = attributes["alt"] ?? "";
    if (attached !== undefined && OPEN_PICTURE.test(attached)) element.src = attached;
    else {
      whole = false;
      element.alt ||= source;
    }
  }
  return whole;
}

/** Sets what is harmless, one property after the other. */
function setStyle(element: HTMLElement, text: string): void {
  element.style.cssText = text;
  for (const property of [...element.style]) {
    if (loads(`${property}: ${element.style.getPropertyValue(property)}`)) element.style.removeProperty(property);
  }
}

/** Whether a text of CSS could load anything. What is written with escapes or variables nobody can tell. */
function loads(css: string): boolean {
  return /url|src\(|image-set|image\(|var\(|--|\\|@import|@font-face/i.test(css);
}
