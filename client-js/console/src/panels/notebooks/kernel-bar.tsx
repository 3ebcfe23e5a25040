/** The bar above the cells: what can be done with all of them, and the kernel. */

import type { KernelSpec } from "../../../../src/kinds/code/context.ts";
import { confirm } from "../../app/dialogs.ts";
import { messageOf, toastError } from "../../app/toasts.ts";
import { Badge, Button, Icon, MenuButton, type Tone } from "../../ui/index.ts";
import { exitText } from "../processes/process-table.ts";
import type { KernelState } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";

/** What a kernel does, in words. */
export const KERNEL_STATES: Readonly<Record<KernelState, { readonly title: string; readonly tone?: Tone }>> = {
  none: { title: "Not started" },
  starting: { title: "Starting", tone: "info" },
  idle: { title: "Idle", tone: "ok" },
  busy: { title: "Busy", tone: "info" },
  dead: { title: "Dead", tone: "danger" },
};

/** Shows the bar. */
export function KernelBar(props: {
  notebook: Notebook;
  specs: readonly KernelSpec[] | undefined;
  onRunAll: () => void;
  onSave: () => void;
}) {
  const { notebook, specs } = props;
  const { kernel } = notebook;
  const state = kernel.state.value;
  const { title, tone } = KERNEL_STATES[state];
  const working = notebook.cells.value.some(cell => cell.state.value !== "idle");
  const spec = kernel.spec.value;
  const dirty = notebook.dirty.value;
  return (
    <div class="notebooks-bar" role="toolbar" aria-label="Notebook">
      <Button icon="play" label="Run all cells" disabled={working} onClick={props.onRunAll}>
        <span class="desktop-only">Run all</span>
      </Button>
      <Button
        icon="stop"
        label="Interrupt the kernel (I, I)"
        disabled={!working && state !== "busy"}
        onClick={() => void interrupt(notebook)}
      >
        <span class="desktop-only">Interrupt</span>
      </Button>
      <Button
        icon="refresh"
        label="Restart the kernel (0, 0)"
        disabled={state === "none" || state === "starting"}
        onClick={() => void restart(notebook)}
      >
        <span class="desktop-only">Restart</span>
      </Button>
      <span class="notebooks-space" />
      <MenuButton
        kind="ghost"
        label={`${spec?.displayName ?? "No kernel"}: choose the kernel`}
        items={() => [
          { heading: "Kernel" },
          ...(specs ?? []).map(choice => ({
            title: choice.displayName,
            note: choice.language,
            checked: choice.name === spec?.name,
            run: () => void choose(notebook, choice),
          })),
          ...(specs?.length === 0 ? [{ title: "None is installed", disabled: true, run: () => {} }] : []),
          { separator: true as const },
          {
            title: "Shut the kernel down",
            disabled: state === "none",
            danger: true,
            run: () => void shutDown(notebook),
          },
        ]}
      >
        <span class="notebooks-kernel truncate">{spec?.displayName ?? "No kernel"}</span>
        <Icon name="chevronDown" size={12} />
      </MenuButton>
      <span role="status">
        <Badge {...(tone ? { tone } : {})}>{title}</Badge>
      </span>
      <Button
        kind={dirty ? "primary" : "normal"}
        disabled={!dirty || notebook.saving.value}
        label={dirty ? "Save (Ctrl+S)" : "Saved"}
        onClick={props.onSave}
      >
        {dirty ? "Save" : "Saved"}
      </Button>
    </div>
  );
}

/** Says what a person must know of the kernel, when there is something. */
export function KernelNotice(props: {
  notebook: Notebook;
  specs: readonly KernelSpec[] | undefined;
  /** Why they are not known. */
  wrong: unknown;
}) {
  const { notebook, specs } = props;
  const { kernel } = notebook;
  const { name } = notebook.wantedKernel;
  if (kernel.state.value === "dead") {
    const exit = kernel.death.value;
    return (
      <div class="notebooks-notice" data-tone="danger" role="alert">
        <Icon name="warning" />
        <span>The kernel has died, and with it all variables. {exit && exitText(exit).detail}</span>
        <Button kind="primary" icon="refresh" onClick={() => void restart(notebook)}>
          Restart
        </Button>
      </div>
    );
  }
  if (specs === undefined && props.wrong !== undefined) {
    return (
      <div class="notebooks-notice" data-tone="danger" role="alert">
        <Icon name="warning" />
        <span>The kernels cannot be listed: {messageOf(props.wrong)}</span>
      </div>
    );
  }
  if (specs === undefined || kernel.spec.value !== undefined) return null;
  return (
    <div class="notebooks-notice" role="status">
      <Icon name="info" />
      {specs.length === 0 ? (
        <span>
          No kernel is installed in this sandbox. That of Python is in the package <code>ipykernel</code>:{" "}
          <code>pip install ipykernel</code>.
        </span>
      ) : (
        <span>
          The kernel {name === undefined ? "" : <code>{name}</code>} that this notebook names is not installed. Choose
          another one, or run a cell to hear which package brings it.
        </span>
      )}
    </div>
  );
}

/** Interrupts what runs. */
export async function interrupt(notebook: Notebook): Promise<void> {
  try {
    await notebook.kernel.interrupt();
  } catch (error) {
    toastError("The kernel could not be interrupted", error);
  }
}

/** Starts the kernel anew, once that was said twice unless it is dead. */
export async function restart(notebook: Notebook): Promise<void> {
  const dead = notebook.kernel.state.peek() === "dead";
  const yes =
    dead ||
    (await confirm({
      title: "Restart the kernel?",
      text: "What runs is ended, and all variables are lost. The outputs stay.",
      action: "Restart",
      danger: true,
    }));
  if (!yes) return;
  try {
    await notebook.kernel.restart();
  } catch (error) {
    toastError("The kernel could not be restarted", error);
  }
}

async function choose(notebook: Notebook, spec: KernelSpec): Promise<void> {
  const { kernel } = notebook;
  if (spec.name === kernel.spec.peek()?.name) return;
  const running = kernel.state.peek() !== "none";
  const yes =
    !running ||
    (await confirm({
      title: `Change to ${spec.displayName}?`,
      text: "The kernel that runs is ended, and all its variables are lost.",
      action: "Change",
      danger: true,
    }));
  if (!yes) return;
  try {
    await kernel.choose(spec);
  } catch (error) {
    toastError("The kernel could not be changed", error);
  }
}

async function shutDown(notebook: Notebook): Promise<void> {
  const yes = await confirm({
    title: "Shut the kernel down?",
    text: "What runs is ended, and all variables are lost. The next cell starts another one.",
    action: "Shut down",
    danger: true,
  });
  if (!yes) return;
  try {
    await notebook.kernel.shutDown();
  } catch (error) {
    toastError("The kernel could not be shut down", error);
  }
}
