/** LaTeX as MathML. The renderer is a chunk of its own, loaded when the first formula is shown. */

import type Temml from "temml";

/** Lengths that a formula may ask for, in ems, and expansions of its macros: a bound for hostile ones. */
const MOST_SIZE: [number, number] = [40, 40];
const MOST_EXPANSIONS = 500;
/** Characters of a formula; longer ones stay as they are written. */
const MOST_TEXT = 20_000;

let renderer: typeof Temml | undefined;

/** Loads the renderer; whether it was not there before. */
export async function loadMath(): Promise<boolean> {
  if (renderer !== undefined) return false;
  renderer = (await import("temml")).default;
  return true;
}

/** A formula; as it is written while the renderer is not there, and then `missing` is called. */
export function mathNode(latex: string, block: boolean, missing: () => void): Node {
  const place = document.createElement(block ? "div" : "span");
  place.className = block ? "math block" : "math";
  if (renderer === undefined || latex.length > MOST_TEXT) {
    if (renderer === undefined) missing();
    const code = document.createElement("code");
    code.textContent = latex;
    place.append(code);
    return place;
  }
  try {
    renderer.render(latex, place, {
      displayMode: block,
      throwOnError: false,
      trust: false,
      maxSize: MOST_SIZE,
      maxExpand: MOST_EXPANSIONS,
    });
  } catch {
    // What it stumbles over stays as it is written.
    place.replaceChildren(latex);
  }
  return place;
}

const FORMULA =
  /\$\$([\s\S]+?)\$\$|\$((?:\\.|[^$\\])+?)\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|(\\begin\{(\w+\*?)\}[\s\S]+?\\end\{\6\})/g;

/** A text of LaTeX as HTML with `<x-math>` in it: its formulas, or all of it when none is marked. */
export function latexToHtml(text: string): string {
  if (text.search(FORMULA) < 0) return formula(text, true);
  let html = "";
  let at = 0;
  for (const found of text.matchAll(FORMULA)) {
    const [whole, display, inline, bracket, paren, environment] = found;
    html += escaped(text.slice(at, found.index));
    at = found.index + whole.length;
    const content = display ?? inline ?? bracket ?? paren ?? environment ?? "";
    // What a kernel shows by itself is `$\displaystyle …$`: a formula by itself.
    html += formula(content, inline === undefined && paren === undefined);
  }
  return html + escaped(text.slice(at));
}

/** A formula as {@link latexToHtml} writes it. */
export function formula(latex: string, block: boolean): string {
  return `<x-math${block ? ' class="block"' : ""}>${escaped(latex)}</x-math>`;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
