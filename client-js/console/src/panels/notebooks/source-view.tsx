/** The source of a cell: plain text until it is near the window, then an editor. */

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../../app/toasts.ts";
import type { Cell } from "./cell.ts";
import type { CellEditor, CellEditorOptions } from "./cell-editor.ts";

/** How near is near. */
const NEAR = "600px";

/** The editor's code, once it is there: from then on an editor is made at once, and no key goes past it. */
let loaded: typeof import("./cell-editor.ts") | undefined;

/** Shows the source. */
export function SourceView(props: {
  cell: Cell;
  label: string;
  language: string | undefined;
  hint: string;
  /** Grows when the keys are to go to this cell's editor. */
  focus: number;
  onChange: () => void;
  onFocus: () => void;
  onRun: CellEditorOptions["onRun"];
  onLeave: CellEditorOptions["onLeave"];
}) {
  const { cell, label, language } = props;
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<CellEditor | undefined>(undefined);
  const [near, setNear] = useState(false);
  const [ready, setReady] = useState(false);
  const [code, setCode] = useState(loaded);
  const problem = useSignal<unknown>(undefined);
  const newest = useRef(props);
  newest.current = props;

  useEffect(() => {
    const element = box.current;
    if (element === null || near) return undefined;
    const observer = new IntersectionObserver(
      entries => {
        if (entries.some(entry => entry.isIntersecting)) setNear(true);
      },
      { root: element.closest(".notebooks-page"), rootMargin: NEAR },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [near]);

  const wanted = near || props.focus > 0;
  useEffect(() => {
    if (!wanted || code !== undefined) return;
    import("./cell-editor.ts").then(
      module => {
        loaded = module;
        setCode(module);
      },
      error => {
        problem.value = error;
      },
    );
  }, [wanted, code, problem]);
  useLayoutEffect(() => {
    if (!wanted || code === undefined || box.current === null) return undefined;
    editor.current = code.createCellEditor({
      parent: box.current,
      label,
      text: cell.source.peek(),
      language: newest.current.language,
      hint: newest.current.hint,
      onChange: text => {
        cell.source.value = text;
        newest.current.onChange();
      },
      onFocus: () => newest.current.onFocus(),
      onRun: then => newest.current.onRun(then),
      onLeave: to => newest.current.onLeave(to),
    });
    setReady(true);
    if (newest.current.focus > 0) editor.current.focus();
    return () => {
      editor.current?.destroy();
      editor.current = undefined;
      setReady(false);
    };
  }, [wanted, code, cell, label]);
  useEffect(() => {
    editor.current?.setLanguage(language);
  }, [language]);
  useLayoutEffect(() => {
    if (props.focus > 0) editor.current?.focus();
  }, [props.focus]);

  return (
    <div ref={box} class="notebooks-source">
      {problem.value !== undefined && (
        <p class="notebooks-problem" role="alert">
          The editor could not be loaded: {messageOf(problem.value)}
        </p>
      )}
      {!ready && <pre class="notebooks-plain mono">{cell.source.peek() || " "}</pre>}
    </div>
  );
}
