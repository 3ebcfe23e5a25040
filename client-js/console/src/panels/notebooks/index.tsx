/** Notebooks: code in cells, with what it says below. */

import "../files/syntax.css";
import "./notebooks.css";
import "./outputs.css";
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import { choose, prompt } from "../../app/dialogs.ts";
import { useLeaveGuard } from "../../app/leave-guard.ts";
import type { PanelProps } from "../../app/panels.ts";
import { say } from "../../app/routes.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { Button, EmptyState, ErrorState, Loading, Panel } from "../../ui/index.ts";
import { ONCE, usePoll } from "../../ui/use-poll.ts";
import { join, nameOf, normal, shown, toWire } from "../files/paths.ts";
import { emptyCell, serializeNotebook } from "./ipynb.ts";
import { KernelsDialog } from "./kernels-dialog.tsx";
import type { Notebook } from "./notebook.ts";
import { NotebookView } from "./notebook-view.tsx";
import { OpenDialog } from "./open-dialog.tsx";
import { Notebooks } from "./store.ts";
import { TabBar } from "./tab-bar.tsx";
import { isLeftUnfinished, useSpecs, useWatchedNotebook } from "./use-notebook.ts";

/** Names that are tried for a new one. */
const MOST_NAMES = 50;

/** The panel. */
export default function NotebooksPanel(props: PanelProps) {
  const { client, active } = props;
  const notebooks = useMemo(() => new Notebooks(client), [client]);
  useEffect(() => () => notebooks.dispose(), [notebooks]);
  // The workspace does not change while the server runs.
  const info = usePoll(active, ONCE, signal => client.info({ signal }));
  const { specs, error: wrong } = useSpecs(client, active);
  const opening = useSignal(false);
  const listing = useSignal(false);
  const current = notebooks.current.value;
  useWatchedNotebook(client, current, active);
  useLeaveGuard(isLeftUnfinished(notebooks.all.value));

  const open = (path: string) => {
    opening.value = false;
    const notebook = notebooks.open(path);
    if (notebook === undefined) toast("Too many notebooks are open: close one first", { tone: "danger" });
    return notebook;
  };
  // The address says which one is seen.
  const asked = props.path.length === 0 ? undefined : `/${props.path.join("/")}`;
  useEffect(() => {
    if (active && asked !== undefined) open(asked);
  }, [active, asked]);
  useEffect(() => {
    if (!active) return;
    // What is seen now: the address may just have opened another one.
    const seen = notebooks.current.peek();
    const path = seen === undefined ? [] : seen.path.split("/").filter(part => part !== "");
    say("notebooks", path, { replace: true });
  }, [active, current]);

  const workspace = info.data?.workspace;
  const create = async () => {
    if (workspace === undefined) return;
    const placed = (name: string) => {
      const typed = name.trim().replace(/(\.ipynb)?$/, ".ipynb");
      return normal(typed.startsWith("/") ? typed : join(workspace, typed));
    };
    let value = await freeName(name => isTaken(client, placed(name)));
    let text = "A relative path is taken from the workspace.";
    for (;;) {
      const name = await prompt({
        title: "New notebook",
        label: "File",
        value,
        text,
        action: "Create",
        check: value => (value.trim() === "" ? "A name is needed." : undefined),
      });
      if (name === undefined) return;
      const path = placed(name);
      try {
        await client.writeFile(toWire(path), serializeNotebook({}, [emptyCell("code")], undefined), { how: "create" });
        const notebook = open(path);
        if (notebook !== undefined) notebook.fresh = true;
        return;
      } catch (error) {
        if ((error as { code?: unknown }).code !== "FILE_EXISTS") {
          toastError(`${shown(nameOf(path))} could not be made`, error);
          return;
        }
        value = name;
        text = `${shown(nameOf(path))} is there already: give another name.`;
      }
    }
  };
  const close = async (notebook: Notebook) => {
    if (notebook.dirty.peek() || notebook.kernel.working) {
      const answer = await choose({
        title: `Close ${shown(nameOf(notebook.path))}?`,
        text: notebook.kernel.working
          ? "What runs is interrupted, and what is not saved is lost. The kernel keeps its variables."
          : "What is not saved is lost. The kernel keeps its variables.",
        action: "Save and close",
        other: "Close without saving",
      });
      if (answer === "no") return;
      if (answer === "yes") {
        try {
          if (!(await notebook.save())) return;
        } catch (error) {
          toastError(`${shown(nameOf(notebook.path))} could not be saved`, error);
          return;
        }
      }
    }
    notebooks.close(notebook);
  };

  useActions(active, [
    {
      id: "notebooks.new",
      title: "New notebook",
      group: "Notebooks",
      icon: "plus",
      keys: ["C"],
      run: () => void create(),
    },
    {
      id: "notebooks.open",
      title: "Open a notebook",
      group: "Notebooks",
      icon: "notebooks",
      keys: ["O"],
      run: () => {
        opening.value = true;
      },
    },
    {
      id: "notebooks.kernels",
      title: "All kernels",
      group: "Notebooks",
      icon: "processes",
      run: () => {
        listing.value = true;
      },
    },
    ...(current === undefined
      ? []
      : [
          {
            id: "notebooks.close",
            title: `Close ${shown(nameOf(current.path))}`,
            group: "Notebooks",
            icon: "close" as const,
            run: () => void close(current),
          },
        ]),
  ]);

  const buttons = (kind: "primary" | "normal") => (
    <>
      <Button
        kind="ghost"
        icon="processes"
        label="All kernels"
        onClick={() => {
          listing.value = true;
        }}
      >
        {kind === "primary" ? "Kernels" : <span class="desktop-only">Kernels</span>}
      </Button>
      <Button
        icon="files"
        label="Open a notebook (O)"
        disabled={workspace === undefined}
        onClick={() => {
          opening.value = true;
        }}
      >
        {kind === "primary" ? "Open" : <span class="desktop-only">Open</span>}
      </Button>
      <Button
        kind={kind}
        icon="plus"
        label="New notebook (C)"
        disabled={workspace === undefined}
        onClick={() => void create()}
      >
        {kind === "primary" ? "New" : <span class="desktop-only">New</span>}
      </Button>
    </>
  );
  return (
    <Panel
      title="Notebooks"
      lead={
        notebooks.all.value.length > 0 && <TabBar notebooks={notebooks} onClose={notebook => void close(notebook)} />
      }
      tools={current !== undefined && buttons("normal")}
    >
      {current !== undefined ? (
        notebooks.all.value.map(notebook => (
          <div key={notebook.path} class="notebooks-page" hidden={notebook !== current}>
            {(notebook === current || notebook.state.value !== "loading") && (
              <NotebookView notebook={notebook} specs={specs} wrong={wrong} active={active && notebook === current} />
            )}
          </div>
        ))
      ) : info.data === undefined ? (
        info.error === undefined ? (
          <Loading>Looking for the workspace…</Loading>
        ) : (
          <ErrorState title="The workspace is not known" error={info.error} onRetry={info.refresh} />
        )
      ) : (
        <EmptyState icon="notebooks" title="No notebook is open" actions={buttons("primary")}>
          Cells of code and text in a Jupyter file of the sandbox. Its kernel belongs to the sandbox too: it keeps its
          variables when you leave, and waits for you.
        </EmptyState>
      )}
      {listing.value && (
        <KernelsDialog
          client={client}
          open={notebooks.all.value}
          onClose={() => {
            listing.value = false;
          }}
        />
      )}
      {opening.value && workspace !== undefined && (
        <OpenDialog
          client={client}
          workspace={workspace}
          onClose={() => {
            opening.value = false;
          }}
          onOpen={open}
        />
      )}
    </Panel>
  );
}

/** The first name that nothing has. */
async function freeName(isTaken: (name: string) => Promise<boolean>): Promise<string> {
  for (let n = 1; ; n += 1) {
    const name = `Untitled${n === 1 ? "" : n}.ipynb`;
    // A person does not wait for more of them.
    if (n === MOST_NAMES || !(await isTaken(name))) return name;
  }
}

/** Whether there is something at a path, as far as that is known at once: a lost connection holds nobody up. */
async function isTaken(client: PanelProps["client"], path: string): Promise<boolean> {
  return client.stat(toWire(path), { timeout: 1000 }).then(
    () => true,
    () => false,
  );
}
