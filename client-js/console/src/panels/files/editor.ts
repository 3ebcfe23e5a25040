/** The editor, CodeMirror 6: a chunk of its own, loaded when the first text is opened. */

import { indentWithTab } from "@codemirror/commands";
import { LanguageDescription, syntaxHighlighting } from "@codemirror/language";
import { openSearchPanel } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { basicSetup } from "codemirror";
import { nonce } from "../../app/policy.ts";
import type { LineBreak } from "./file-kind.ts";
import { COLOURS } from "./highlight.ts";
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
