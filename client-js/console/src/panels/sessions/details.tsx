/** One session: its state, and what can be done with it. */

import type { SessionInfo } from "../../../../src/kinds/session.ts";
import { useActions } from "../../app/actions.ts";
import type { Client } from "../../app/client.ts";
import { confirm } from "../../app/dialogs.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { Badge, Button, formatTime } from "../../ui/index.ts";
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
      title: `Delete ${id}?`,
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
    <section class="sessions-details" aria-label={`Session ${id}`}>
      <header class="sessions-details-header">
        <Button class="phone-only" kind="ghost" icon="arrowLeft" label="Back to the list" onClick={props.onClose} />
        <h2 class="sessions-details-title truncate mono">{id}</h2>
        <Badge {...(state.tone ? { tone: state.tone } : {})}>{state.label}</Badge>
        <span class="sessions-space" />
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
        <Button class="desktop-only" kind="ghost" icon="close" label="Close details (Escape)" onClick={props.onClose} />
      </header>
      <p class="sessions-state" data-tone={session.state === "ended" ? "danger" : undefined} role="status">
        {state.detail}
      </p>
      <Facts session={session} />
    </section>
  );
}

function Facts(props: { session: SessionInfo }) {
  const { session } = props;
  const rows: [string, string | undefined, boolean?][] = [
    [session.state === "ended" ? "The next shell begins in" : "Directory", session.cwd, true],
    ["Shell", session.shell, true],
    ["Process id of the shell", session.pid === undefined ? undefined : String(session.pid)],
    ["Commands that have ended", String(session.commands)],
    ["Commands that wait", String(session.queued)],
    ["State lost", session.lost === 0 ? "never" : session.lost === 1 ? "once" : `${session.lost} times`],
    ["Made", formatTime(session.createdAt.getTime())],
    ["Last used", formatTime(session.usedAt.getTime())],
  ];
  return (
    <dl class="sessions-facts">
      {rows.map(
        ([name, value, mono]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd class={mono ? "mono" : undefined}>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
