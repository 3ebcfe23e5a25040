/** A notebook: its bar, its cells, its keys. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { KernelSpec } from "../../../../src/kinds/code/context.ts";
import { useActions } from "../../app/actions.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { Button, ErrorState, Loading } from "../../ui/index.ts";
import { FileConflict } from "../files/file-conflict.tsx";
import { nameOf, shown } from "../files/paths.ts";
import type { Cell } from "./cell.ts";
import { type CellActions, CellView, type Focus } from "./cell-view.tsx";
import type { CellType } from "./ipynb.ts";
import { interrupt, KernelBar, KernelNotice, restart } from "./kernel-bar.tsx";
import type { Notebook } from "./notebook.ts";
import { useCellActions } from "./use-cell-actions.ts";

/** Shows a notebook. */
export function NotebookView(props: {
  notebook: Notebook;
  specs: readonly KernelSpec[] | undefined;
  /** Why the kernels are not known. */
  wrong: unknown;
  active: boolean;
}) {
  const { notebook, specs, active } = props;
  const focus = useSignal<Focus | undefined>(undefined);
  const state = notebook.state.value;
  useEffect(() => {
    if (specs !== undefined && state === "ready") notebook.chooseKernel(specs);
  }, [notebook, specs, state, notebook.kernel.spec.value]);

  const give = (cell: Cell | undefined, editor: boolean) => {
    if (cell === undefined) return;
    notebook.selected.value = cell.id;
    focus.value = { cell: cell.id, editor, count: (focus.peek()?.count ?? 0) + 1 };
  };
  useEffect(() => {
    if (state !== "ready" || !active || !notebook.fresh) return;
    notebook.fresh = false;
    give(notebook.cells.peek()[0], true);
  }, [notebook, state, active]);
  const actions: CellActions = {
    focus: give,
    run: (cell, then) => {
      if (cell.type.peek() === "code") notebook.kernel.run([cell]);
      else cell.editing.value = false;
      const at = notebook.indexOf(cell.id);
      const next = notebook.cells.peek()[at + 1];
      if (then === "insert" || (then === "next" && next === undefined)) give(notebook.insert(at + 1, "code"), true);
      else if (then === "next") give(next, false);
      else if (cell.type.peek() !== "code") give(cell, false);
    },
  };
  const runAll = () => {
    for (const cell of notebook.cells.peek()) if (cell.type.peek() === "markdown") cell.editing.value = false;
    notebook.kernel.run(notebook.cells.peek());
  };
  const save = async (force = false) => {
    try {
      if ((await notebook.save(force)) && force) toast(`${nameOf(notebook.path)} was saved`, { tone: "ok" });
    } catch (error) {
      toastError(`${shown(nameOf(notebook.path))} could not be saved`, error);
    }
  };

  useCellActions(notebook, actions, active && state === "ready");
  const group = "Notebook";
  useActions(active && state === "ready", [
    {
      id: "notebooks.save",
      title: "Save the notebook",
      group,
      icon: "check",
      keys: ["Mod+S", "Ctrl+Shift+S"],
      run: () => void save(),
    },
    { id: "notebooks.run-all", title: "Run all cells", group, icon: "play", run: runAll },
    {
      id: "notebooks.interrupt",
      title: "Interrupt the kernel",
      group,
      icon: "stop",
      run: () => void interrupt(notebook),
    },
    { id: "notebooks.restart", title: "Restart the kernel", group, icon: "refresh", run: () => void restart(notebook) },
    {
      id: "notebooks.clear",
      title: "Clear all outputs",
      group,
      icon: "trash",
      run: () => {
        for (const cell of notebook.cells.peek()) if (cell.state.peek() === "idle") cell.clear();
        notebook.changed();
      },
    },
  ]);

  if (state === "failed") {
    return (
      <ErrorState
        title={`${shown(nameOf(notebook.path))} cannot be opened`}
        error={notebook.error.value}
        onRetry={() => void notebook.load()}
      />
    );
  }
  if (state === "loading") return <Loading>Reading {shown(nameOf(notebook.path))}…</Loading>;

  const insert = (at: number, type: CellType) => give(notebook.insert(at, type), true);
  /** Keys while a cell has the focus, and not what is in it. */
  const onKeyDown = (event: KeyboardEvent) => {
    const cell = notebook.current;
    const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!(event.target as HTMLElement).matches(".notebooks-cell") || cell === undefined || !plain) return;
    if (event.key === "Enter") {
      cell.editing.value = true;
      give(cell, true);
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      notebook.step(event.key === "ArrowUp" ? -1 : 1);
      give(notebook.current, false);
    } else return;
    event.preventDefault();
  };

  return (
    <div class="notebooks-view syntax">
      <KernelBar notebook={notebook} specs={specs} onRunAll={runAll} onSave={() => void save()} />
      <KernelNotice notebook={notebook} specs={specs} wrong={props.wrong} />
      <FileConflict
        class="notebooks-notice"
        path={notebook.path}
        conflict={notebook.conflict.value}
        lost="What you changed here and did not save is lost, outputs too."
        onRead={() => notebook.load()}
        onSave={() => void save(true)}
      />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the cells in it. */}
      <div class="notebooks-cells" onKeyDown={onKeyDown}>
        {notebook.cells.value.map((cell, i) => (
          <CellView
            key={cell.id}
            notebook={notebook}
            cell={cell}
            number={i + 1}
            focus={focus.value}
            actions={actions}
          />
        ))}
        <div class="notebooks-add">
          <Button
            icon="plus"
            label="New cell of code at the end"
            onClick={() => insert(notebook.cells.peek().length, "code")}
          >
            Code
          </Button>
          <Button
            icon="plus"
            label="New cell of text at the end"
            onClick={() => insert(notebook.cells.peek().length, "markdown")}
          >
            Text
          </Button>
        </div>
      </div>
    </div>
  );
}
