/** What is looked after while notebooks are open. */

import { useEffect } from "preact/hooks";
import type { KernelSpec } from "../../../../src/kinds/code/context.ts";
import type { Client } from "../../app/client.ts";
import { usePoll } from "../../ui/use-poll.ts";
import { useWatchedFile } from "../files/use-watched-file.ts";
import type { Notebook } from "./notebook.ts";

/** Milliseconds between two looks at the kernel: only what others do with it, and its death, would not be known. */
const PAUSE = 3000;

/** Looks how the kernel is, and whether the file was changed by somebody else, while the notebook is seen. */
export function useWatchedNotebook(client: Client, notebook: Notebook | undefined, active: boolean): void {
  const ready = notebook?.state.value === "ready";
  const poll = usePoll(active && ready, PAUSE, async signal => {
    await notebook?.kernel.look(signal);
    return notebook;
  });
  const { refresh } = poll;
  useEffect(() => refresh(), [notebook]);
  useWatchedFile(client, active && ready ? notebook?.path : undefined, async () => notebook?.check());
}

/** The kernels that are installed; nothing before they are known. */
export function useSpecs(
  client: Client,
  active: boolean,
): { specs: readonly KernelSpec[] | undefined; error: unknown } {
  // Seldom: somebody may install one while the page is open.
  const { data, error } = usePoll(active, 60_000, signal => client.listKernelSpecs({ signal }));
  return { specs: data, error };
}

/** Whether there are changes that are not saved, or cells that run: those end with the page. */
export function isLeftUnfinished(notebooks: readonly Notebook[]): boolean {
  return notebooks.some(
    notebook => notebook.dirty.value || notebook.cells.value.some(cell => cell.state.value !== "idle"),
  );
}
