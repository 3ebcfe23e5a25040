/** The tabs of the open notebooks. */

import { FileTabs } from "../../ui/file-tabs.tsx";
import { nameOf, shown } from "../files/paths.ts";
import type { Notebook } from "./notebook.ts";
import type { Notebooks } from "./store.ts";

/** Shows the tabs. */
export function TabBar(props: { notebooks: Notebooks; onClose: (notebook: Notebook) => void }) {
  const { notebooks } = props;
  const tabs = notebooks.all.value.map(notebook => ({
    key: notebook.path,
    name: shown(nameOf(notebook.path)).replace(/\.ipynb$/, ""),
    path: shown(notebook.path),
    current: notebook === notebooks.current.value,
    unsaved: notebook.dirty.value,
    note: notebook.cells.value.some(cell => cell.state.value !== "idle") ? "running" : undefined,
    show: () => notebooks.show(notebook),
    close: () => props.onClose(notebook),
  }));
  return <FileTabs label="Open notebooks" panel="notebooks" tabs={tabs} />;
}
