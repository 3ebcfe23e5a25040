/** The editor, CodeMirror 6: a chunk of its own, loaded when the first text is opened. */

import { indentWithTab } from "@codemirror/commands";
import { HighlightStyle, LanguageDescription, syntaxHighlighting } from "@codemirror/language";
import { openSearchPanel } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { nonce } from "../../app/policy.ts";
import type { LineBreak } from "./file-kind.ts";
import { languages } from "./languages.ts";
import { nameOf } from "./paths.ts";

/** What an editor is told. */
export interface EditorOptions {
  readonly parent: HTMLElement;
  /** Its name for screen readers. */
  readonly label: string;
  readonly path: string;
  readonly text: string;
  readonly lineBreak: LineBreak;
  readonly readOnly: boolean;
  readonly wrap: boolean;
  /** The text is another now. */
  onChange(): void;
  onSave(): void;
}

/** An editor in the page. */
export interface Editor {
  /** The text as it is written to a file, with the line breaks that it had. */
  text(): string;
  /** A mark of the text as it is now: the same as long as it is the same. */
  mark(): object;
  /** Takes another text; where the person was stays as far as it can. */
  replace(text: string): void;
  setWrap(wrap: boolean): void;
  /** What cannot be drawn while it is not seen is measured again. */
  refresh(): void;
  search(): void;
  focus(): void;
  destroy(): void;
}

const COLOURS = HighlightStyle.define([
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

/** Makes an editor. */
export function createEditor(options: EditorOptions): Editor {
  const language = new Compartment();
  const wrapping = new Compartment();
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        // Only what the file itself breaks lines with: else saving would change lines that nobody touched.
        EditorState.lineSeparator.of(options.lineBreak === "mixed" ? "\n" : options.lineBreak),
        nonce === undefined ? [] : EditorView.cspNonce.of(nonce),
        keymap.of([
          {
            key: "Mod-s",
            preventDefault: true,
            run: () => {
              options.onSave();
              return true;
            },
          },
          indentWithTab,
        ]),
        basicSetup,
        syntaxHighlighting(COLOURS),
        wrapping.of(wrapped(options.wrap)),
        language.of([]),
        EditorState.readOnly.of(options.readOnly),
        EditorView.contentAttributes.of({ "aria-label": options.label, spellcheck: "false", tabindex: "0" }),
        EditorView.updateListener.of(update => {
          if (update.docChanged) options.onChange();
        }),
      ],
    }),
  });
  void loadLanguage(options.path, options.text).then(support => {
    if (support !== undefined) view.dispatch({ effects: language.reconfigure(support) });
  });
  return {
    text: () => view.state.sliceDoc(),
    mark: () => view.state.doc,
    replace: text => {
      const { main } = view.state.selection;
      const doc = view.state.toText(text);
      const anchor = Math.min(main.anchor, doc.length);
      const top = view.scrollDOM.scrollTop;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: doc }, selection: { anchor } });
      view.scrollDOM.scrollTop = top;
    },
    setWrap: wrap => view.dispatch({ effects: wrapping.reconfigure(wrapped(wrap)) }),
    refresh: () => view.requestMeasure(),
    search: () => openSearchPanel(view),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function wrapped(wrap: boolean): Extension {
  return wrap ? EditorView.lineWrapping : [];
}

/** By the name, else by the first line of a script. A language that cannot be loaded leaves plain text. */
async function loadLanguage(path: string, text: string): Promise<Extension | undefined> {
  const interpreter = /^#!.*?\b(bash|sh|zsh|python|node|deno|ruby|perl)/.exec(text.slice(0, 120))?.[1];
  const alias = interpreter === "node" || interpreter === "deno" ? "javascript" : interpreter;
  const found =
    LanguageDescription.matchFilename(languages, nameOf(path)) ??
    (alias === undefined ? null : LanguageDescription.matchLanguageName(languages, alias));
  return found?.load().catch(() => undefined);
}
