/** Markdown, with mathematics between dollar signs, as HTML. What comes out is markup of a stranger, and treated so. */

import { Marked, type TokenizerAndRendererExtension } from "marked";
import { formula } from "./math.ts";

/** `$$…$$` by itself. */
const BLOCK: TokenizerAndRendererExtension = {
  name: "blockMath",
  level: "block",
  start: text => text.indexOf("$$"),
  tokenizer: text => {
    const found = /^\$\$([^$]+?)\$\$(?:\n|$)/.exec(text) ?? /^\\begin\{(\w+\*?)\}[\s\S]+?\\end\{\1\}/.exec(text);
    if (found === null) return undefined;
    return { type: "blockMath", raw: found[0], text: found[0].startsWith("$$") ? found[1] : found[0] };
  },
  renderer: token => formula(String(token["text"]), true),
};

/** `$…$` in a line. A dollar before a space or a digit after it is money. */
const INLINE: TokenizerAndRendererExtension = {
  name: "inlineMath",
  level: "inline",
  start: text => text.indexOf("$"),
  tokenizer: text => {
    const found = /^\$\$([^$]+?)\$\$/.exec(text) ?? /^\$(?!\s)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)/.exec(text);
    return found === null ? undefined : { type: "inlineMath", raw: found[0], text: found[1] };
  },
  renderer: token => formula(String(token["text"]), false),
};

const marked = new Marked({ gfm: true, extensions: [BLOCK, INLINE] });

/** The HTML of a text of Markdown. */
export function markdownToHtml(text: string): string {
  return marked.parse(text, { async: false });
}
