/** What can be done with the cell that is selected, by key and by name: the keys are those of Jupyter. */

import { useRef } from "preact/hooks";
import { type Action, useActions } from "../../app/actions.ts";
import type { Cell } from "./cell.ts";
import type { CellActions } from "./cell-view.tsx";
import type { CellType } from "./ipynb.ts";
import { interrupt, restart } from "./kernel-bar.tsx";
import type { Notebook } from "./notebook.ts";

/** Milliseconds in which a key that must be pressed twice is pressed again. */
const TWICE = 800;

/** Makes the actions known, while `enabled`. */
export function useCellActions(notebook: Notebook, actions: CellActions, enabled: boolean): void {
  const pressed = useRef({ key: "", at: 0 });
  const twice = (key: string, run: () => void) => {
    const now = performance.now();
    const again = pressed.current.key === key && now - pressed.current.at < TWICE;
    pressed.current = again ? { key: "", at: 0 } : { key, at: now };
    if (again) run();
  };
  const insert = (after: number) => {
    const at = Math.max(0, notebook.indexOf(notebook.selected.peek()));
    actions.focus(notebook.insert(at + after, "code"), true);
  };
  const withCell = (run: (cell: Cell) => void) => () => {
    const cell = notebook.current;
    if (cell !== undefined) run(cell);
  };
  const convert = (type: CellType) =>
    withCell(cell => {
      notebook.convert(cell, type);
      actions.focus(cell, false);
    });
  const step = (by: number) => () => {
    notebook.step(by);
    const cell = notebook.current;
    if (cell !== undefined) actions.focus(cell, false);
  };
  const remove = withCell(cell => {
    notebook.remove(cell);
    const next = notebook.current;
    if (next !== undefined) actions.focus(next, false);
  });
  const restore = () => {
    notebook.restore();
    const cell = notebook.current;
    if (cell !== undefined) actions.focus(cell, false);
  };
  const run = (then: "next" | "stay" | "insert") => withCell(cell => actions.run(cell, then));

  const group = "Cells of a notebook";
  const all: Action[] = [
    {
      id: "cells.run-next",
      title: "Run the cell and go to the next",
      group,
      icon: "play",
      keys: ["Shift+Enter"],
      run: run("next"),
    },
    {
      id: "cells.run",
      title: "Run the cell",
      group,
      icon: "play",
      keys: ["Ctrl+Enter", "Mod+Enter"],
      run: run("stay"),
    },
    {
      id: "cells.run-insert",
      title: "Run the cell and insert one below",
      group,
      keys: ["Alt+Enter"],
      run: run("insert"),
    },
    { id: "cells.above", title: "New cell above", group, icon: "plus", keys: ["A"], run: () => insert(0) },
    { id: "cells.below", title: "New cell below", group, icon: "plus", keys: ["B"], run: () => insert(1) },
    { id: "cells.up", title: "To the cell above", group, hidden: true, keys: ["K"], run: step(-1) },
    { id: "cells.down", title: "To the cell below", group, hidden: true, keys: ["J"], run: step(1) },
    { id: "cells.text", title: "Make text of the cell", group, keys: ["M"], run: convert("markdown") },
    { id: "cells.code", title: "Make code of the cell", group, keys: ["Y"], run: convert("code") },
    { id: "cells.move-up", title: "Move the cell up", group, run: withCell(cell => notebook.move(cell, -1)) },
    { id: "cells.move-down", title: "Move the cell down", group, run: withCell(cell => notebook.move(cell, 1)) },
    {
      id: "cells.delete",
      title: "Delete the cell (key twice)",
      group,
      hidden: true,
      keys: ["D"],
      run: () => twice("D", remove),
    },
    { id: "cells.delete-now", title: "Delete the cell", group, icon: "trash", run: remove },
    { id: "cells.restore", title: "Put the deleted cell back", group, keys: ["Z"], run: restore },
    {
      id: "cells.interrupt",
      title: "Interrupt the kernel (key twice)",
      group,
      hidden: true,
      keys: ["I"],
      run: () => twice("I", () => void interrupt(notebook)),
    },
    {
      id: "cells.restart",
      title: "Restart the kernel (key twice)",
      group,
      hidden: true,
      keys: ["0"],
      run: () => twice("0", () => void restart(notebook)),
    },
  ];
  useActions(enabled, all);
}
