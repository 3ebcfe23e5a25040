/** All kernels of the sandbox, also those of other clients: they live until somebody ends them. */

import { useSignal } from "@preact/signals";
import type { CodeContext } from "../../../../src/kinds/code/context.ts";
import type { Client } from "../../app/client.ts";
import { state } from "../../app/connection.ts";
import { confirm } from "../../app/dialogs.ts";
import { toastError } from "../../app/toasts.ts";
import { Badge, Button, EmptyState, formatAgo, ListDialog } from "../../ui/index.ts";
import { usePoll } from "../../ui/use-poll.ts";
import { shown } from "../files/paths.ts";
import { KERNEL_STATES } from "./kernel-bar.tsx";
import type { Notebook } from "./notebook.ts";

/** Milliseconds between two looks. */
const PAUSE = 2000;

/** The list, open while it is mounted. */
export function KernelsDialog(props: { client: Client; open: readonly Notebook[]; onClose: () => void }) {
  const { client, open, onClose } = props;
  // Looking must not wake a sandbox.
  const poll = usePoll(state.value.status !== "asleep", PAUSE, signal => client.listCodeContexts({ signal }));
  const busy = useSignal(false);
  const end = async (context: CodeContext) => {
    const sure = await confirm({
      title: `End the kernel ${nameOf(context, open)}?`,
      text: "What runs in it is ended, and all its variables are lost.",
      action: "End kernel",
      danger: true,
    });
    if (!sure) return;
    busy.value = true;
    try {
      await client.deleteCodeContext(context.id);
    } catch (error) {
      toastError("The kernel could not be ended", error);
    }
    busy.value = false;
    poll.refresh();
  };
  return (
    <ListDialog
      title="Kernels in this sandbox"
      rows={poll.data}
      error={poll.error}
      onRetry={poll.refresh}
      onClose={onClose}
      empty={
        <EmptyState icon="notebooks" title="There is none">
          A kernel is started with the first cell of a notebook that runs, or by other clients.
        </EmptyState>
      }
      keyOf={context => context.id}
      row={context => ({
        title: (
          <>
            {nameOf(context, open)} <State context={context} />
          </>
        ),
        note: (
          <>
            {context.spec} · {context.cwd === undefined ? "" : `${shown(context.cwd)} · `}used{" "}
            {formatAgo(Math.max(0, Date.now() - context.usedAt.getTime()))}
            {context.queued > 0 && ` · ${context.queued} wait`}
          </>
        ),
        tools: (
          <Button
            kind="ghost"
            icon="trash"
            label={`End ${nameOf(context, open)}`}
            disabled={busy.value}
            onClick={() => void end(context)}
          />
        ),
      })}
    />
  );
}

function State(props: { context: CodeContext }) {
  const { title, tone } = KERNEL_STATES[props.context.state];
  return <Badge {...(tone ? { tone } : {})}>{title}</Badge>;
}

/** The notebook that it belongs to, when that is open here, else what it is called. */
function nameOf(context: CodeContext, open: readonly Notebook[]): string {
  const notebook = open.find(({ kernel }) => kernel.id === context.id);
  return notebook === undefined ? context.id : shown(notebook.path);
}
