/** The editor of a cell, CodeMirror 6: only what a few lines of code need. */

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import {
  bracketMatching,
  indentOnInput,
  indentUnit,
  LanguageDescription,
  syntaxHighlighting,
} from "@codemirror/language";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { nonce } from "../../app/policy.ts";
import { COLOURS } from "../files/highlight.ts";
import { languages } from "../files/languages.ts";

/** What an editor is told. */
export interface CellEditorOptions {
  readonly parent: HTMLElement;
  /** Its name for screen readers. */
  readonly label: string;
  readonly text: string;
  /** As kernels call it: `python`, `markdown`. */
  readonly language: string | undefined;
  readonly hint: string;
  onChange(text: string): void;
  onFocus(): void;
  /** Shift+Enter, Ctrl+Enter, Alt+Enter. */
  onRun(then: "next" | "stay" | "insert"): void;
  /** Escape, or an arrow over the edge. */
  onLeave(to: "cell" | "before" | "after"): void;
}

/** An editor in a cell. */
export interface CellEditor {
  readonly text: string;
  setLanguage(language: string | undefined): void;
  /** Takes another text, when it is another. */
  setText(text: string): void;
  focus(at?: "start" | "end"): void;
  destroy(): void;
}

/** Makes an editor. */
export function createCellEditor(options: CellEditorOptions): CellEditor {
  const language = new Compartment();
  const run = (then: "next" | "stay" | "insert") => () => {
    options.onRun(then);
    return true;
  };
  const edge = (to: "before" | "after") => (view: EditorView) => {
    const { main } = view.state.selection;
    const line = view.state.doc.lineAt(main.head).number;
    if (!main.empty || line !== (to === "before" ? 1 : view.state.doc.lines)) return false;
    options.onLeave(to);
    return true;
  };
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        EditorState.lineSeparator.of("\n"),
        nonce === undefined ? [] : EditorView.cspNonce.of(nonce),
        Prec.highest(
          keymap.of([
            { key: "Shift-Enter", run: run("next") },
            { key: "Mod-Enter", run: run("stay") },
            { key: "Ctrl-Enter", run: run("stay") },
            { key: "Alt-Enter", run: run("insert") },
          ]),
        ),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ activateOnTyping: false }),
        syntaxHighlighting(COLOURS),
        placeholder(options.hint),
        EditorView.lineWrapping,
        keymap.of([
          ...closeBracketsKeymap,
          ...completionKeymap,
          {
            key: "Escape",
            run: () => {
              options.onLeave("cell");
              return true;
            },
          },
          { key: "ArrowUp", run: edge("before") },
          { key: "ArrowDown", run: edge("after") },
          ...defaultKeymap,
          ...historyKeymap,
          indentWithTab,
        ]),
        language.of([]),
        EditorView.contentAttributes.of({ "aria-label": options.label, spellcheck: "false" }),
        EditorView.updateListener.of(update => {
          if (update.docChanged) options.onChange(update.state.sliceDoc());
          if (update.focusChanged && update.view.hasFocus) options.onFocus();
        }),
      ],
    }),
  });
  let destroyed = false;
  const setLanguage = (name: string | undefined) => {
    const found = name === undefined ? null : LanguageDescription.matchLanguageName(languages, name, true);
    void found
      ?.load()
      .catch(() => undefined)
      .then(support => {
        const indent = /python/i.test(found.name) ? [indentUnit.of("    ")] : [];
        if (support !== undefined && !destroyed) view.dispatch({ effects: language.reconfigure([support, indent]) });
      });
  };
  setLanguage(options.language);
  return {
    get text() {
      return view.state.sliceDoc();
    },
    setLanguage,
    setText: text => {
      if (text !== view.state.sliceDoc())
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    focus: at => {
      if (at !== undefined) view.dispatch({ selection: { anchor: at === "start" ? 0 : view.state.doc.length } });
      view.focus();
    },
    destroy: () => {
      destroyed = true;
      view.destroy();
    },
  };
}
