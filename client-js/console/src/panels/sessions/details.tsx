/** One session: its state, and what can be done with it. */

import type { SessionInfo } from "../../../../src/kinds/session.ts";
import { useActions } from "../../app/actions.ts";
import type { Client } from "../../app/client.ts";
import { confirm } from "../../app/dialogs.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { Button, Details, type Fact, Facts, formatTime } from "../../ui/index.ts";
import { commandsIn } from "../commands/open.ts";
import { openTerminal } from "../terminals/open.ts";
import { stateText } from "./session-text.ts";

/** Shows a session. */
export function SessionDetails(props: {
  client: Client;
  session: SessionInfo;
  active: boolean;
  onClose: () => void;
  /** Something was done to it. */
  onChanged: () => void;
}) {
  const { client, session, active } = props;
  const { id } = session;
  const state = stateText(session);

  const renew = async () => {
    try {
      await client.exec(":", { session: id, renew: true });
      toast(`${id} has a fresh shell`, { tone: "ok" });
    } catch (error) {
      toastError(`${id} got no fresh shell`, error);
    }
    props.onChanged();
  };
  const remove = async () => {
    const { queued } = session;
    const waiting =
      queued === 0 ? "" : `, the ${queued === 1 ? "one that waits is" : `${queued} that wait are`} not run`;
    const yes = await confirm({
      title: `Delete the session ${id}?`,
      text:
        session.state === "busy"
          ? `The command that runs in it is ended${waiting}, and what its commands left in the background is ended too.`
          : "Its shell is ended, and what its commands left in the background is ended too.",
      action: "Delete session",
      danger: true,
    });
    if (!yes) return;
    try {
      await client.deleteSession(id);
      props.onClose();
    } catch (error) {
      toastError(`${id} could not be deleted`, error);
    }
    props.onChanged();
  };
  const terminal = () => openTerminal({ session: id });

  useActions(active, [
    {
      id: "sessions.commands",
      title: `Run commands in ${id}`,
      group: "Sessions",
      icon: "commands",
      keys: ["R"],
      run: () => commandsIn(id),
    },
    {
      id: "sessions.terminal",
      title: `Open a terminal as ${id} is now`,
      group: "Sessions",
      icon: "terminal",
      keys: ["T"],
      run: terminal,
    },
    ...(session.state === "ended"
      ? [
          {
            id: "sessions.renew",
            title: `Give ${id} a fresh shell`,
            group: "Sessions",
            icon: "refresh" as const,
            run: () => void renew(),
          },
        ]
      : []),
    { id: "sessions.delete", title: `Delete ${id}`, group: "Sessions", icon: "trash", run: () => void remove() },
    {
      id: "sessions.close",
      title: "Close details",
      group: "Sessions",
      keys: ["Escape"],
      hidden: true,
      run: props.onClose,
    },
  ]);

  return (
    <Details
      label={`Session ${id}`}
      name={id}
      status={state}
      onClose={props.onClose}
      tools={
        <>
          {session.state === "ended" ? (
            <Button kind="primary" icon="refresh" label="Give it a fresh shell" onClick={() => void renew()}>
              <span class="desktop-only">Fresh shell</span>
            </Button>
          ) : (
            <Button icon="commands" label="Run commands in it (R)" onClick={() => commandsIn(id)}>
              <span class="desktop-only">Run commands</span>
            </Button>
          )}
          <Button
            icon="terminal"
            label="Open a terminal with its directory and exported variables (T)"
            disabled={session.state === "ended"}
            onClick={terminal}
          >
            <span class="desktop-only">Terminal</span>
          </Button>
          <Button kind="ghost" icon="trash" label="Delete it" onClick={() => void remove()} />
        </>
      }
    >
      <p class="sessions-state" data-tone={session.state === "ended" ? "danger" : undefined} role="status">
        {state.detail}
      </p>
      <Facts facts={factsOf(session)} />
    </Details>
  );
}

function factsOf(session: SessionInfo): readonly Fact[] {
  const { lost } = session;
  return [
    [session.state === "ended" ? "The next shell begins in" : "Directory", session.cwd, "mono"],
    ["Shell", session.shell, "mono"],
    ["Process id of the shell", session.pid?.toString()],
    ["Commands that have ended", String(session.commands)],
    ["Commands that wait", String(session.queued)],
    ["State lost", lost === 0 ? "never" : lost === 1 ? "once" : `${lost} times`],
    ["Made", formatTime(session.createdAt.getTime())],
    ["Last used", formatTime(session.usedAt.getTime())],
  ];
}
