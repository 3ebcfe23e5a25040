/** The colours of code, the same wherever it is edited. */

import { HighlightStyle } from "@codemirror/language";
import { tags } from "@lezer/highlight";

/** Tokens to the variables of `syntax.css`. */
export const COLOURS: HighlightStyle = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.controlKeyword], color: "var(--syntax-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.character], color: "var(--syntax-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.unit], color: "var(--syntax-number)" },
  {
    tag: [tags.comment, tags.lineComment, tags.blockComment, tags.docComment],
    color: "var(--text-3)",
    fontStyle: "italic",
  },
  { tag: [tags.typeName, tags.className, tags.namespace, tags.tagName], color: "var(--syntax-type)" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.macroName],
    color: "var(--syntax-function)",
  },
  { tag: [tags.propertyName, tags.attributeName, tags.definition(tags.propertyName)], color: "var(--syntax-property)" },
  { tag: [tags.meta, tags.processingInstruction, tags.annotation], color: "var(--syntax-meta)" },
  { tag: [tags.heading], color: "var(--syntax-keyword)", fontWeight: "600" },
  { tag: [tags.strong], fontWeight: "700" },
  { tag: [tags.emphasis], fontStyle: "italic" },
  { tag: [tags.link, tags.url], color: "var(--syntax-string)", textDecoration: "underline" },
  { tag: [tags.inserted], color: "var(--ok)" },
  { tag: [tags.deleted, tags.invalid], color: "var(--danger)" },
]);
