/** Commands to their end: written, run, seen, run again. */

import "./commands.css";
import { useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import type { PanelProps } from "../../app/panels.ts";
import { envLines } from "../../ui/env.ts";
import { Button, EmptyState, Panel } from "../../ui/index.ts";
import { useFrames } from "../../ui/log/use-frames.ts";
import { CommandForm, type Draft, EMPTY_DRAFT } from "./command-form.tsx";
import { wantedSession } from "./open.ts";
import { CommandRun, type RunOptions } from "./run.ts";
import { RunCard } from "./run-card.tsx";

/** Runs that are kept; of more the oldest that has ended goes. */
const MOST_RUNS = 20;
/** Things to begin with. */
const EXAMPLES = ["uname -a", "ls -la", "ps aux --sort=-%cpu | head", "df -h"];

/** The panel. */
export default function CommandsPanel(props: PanelProps) {
  const { client, active } = props;
  const runs = useSignal<readonly CommandRun[]>([]);
  const count = useRef(0);
  const draft = useSignal<Draft>(EMPTY_DRAFT);
  const sessions = useSignal<readonly string[]>([]);
  const input = useRef<HTMLTextAreaElement>(null);
  // Draws again when a run has changed.
  const { changed } = useFrames();
  const running = runs.value.some(run => run.alive);

  useEffect(() => {
    if (active && matchMedia("(pointer: fine)").matches) input.current?.focus();
  }, [active]);
  // Asked for when somebody comes here, and when they are about to choose.
  const askSessions = useCallback(() => {
    client.listSessions().then(
      list => {
        sessions.value = list.map(session => session.id);
      },
      // Without them a shell of its own, and the default session, can still be chosen.
      () => {},
    );
  }, [client, sessions]);
  const asked = wantedSession.value;
  useEffect(() => {
    if (!active) return;
    askSessions();
    if (asked === undefined) return;
    wantedSession.value = undefined;
    draft.value = { ...draft.peek(), session: asked };
  }, [active, asked, draft, askSessions]);
  // The time that a run has taken goes on.
  useEffect(() => {
    if (!active || !running) return undefined;
    const timer = setInterval(changed, 500);
    return () => clearInterval(timer);
  }, [active, running, changed]);
  // A command belongs to its connection: with the panel it is ended by the server.
  useEffect(
    () => () => {
      for (const run of runs.peek()) run.cancel();
    },
    [runs],
  );

  const start = (options: RunOptions) => {
    count.current += 1;
    const run = new CommandRun(count.current, options, changed);
    const ended = [...runs.value].reverse().find(other => !other.alive);
    const kept = runs.value.length >= MOST_RUNS && ended ? runs.value.filter(other => other !== ended) : runs.value;
    runs.value = [run, ...kept];
    void run.start(client);
  };
  const edit = ({ command, session, cwd, env, stdin, timeout }: RunOptions) => {
    draft.value = {
      command,
      session,
      cwd,
      env: envLines(env),
      stdin,
      timeout: timeout === undefined ? "" : String(timeout),
    };
    input.current?.focus();
  };
  const remove = (run: CommandRun) => {
    run.cancel();
    runs.value = runs.value.filter(other => other !== run);
  };
  const clear = () => {
    runs.value = runs.value.filter(run => run.alive);
  };
  const newest = runs.value[0];

  useActions(active, [
    {
      id: "commands.write",
      title: "Write a command",
      group: "Commands",
      icon: "commands",
      keys: ["/", "Ctrl+Shift+Enter"],
      run: () => input.current?.focus(),
    },
    ...(newest === undefined
      ? []
      : newest.alive
        ? [
            {
              id: "commands.stop",
              title: `Stop ${newest.options.command.slice(0, 40)}`,
              group: "Commands",
              icon: "stop" as const,
              keys: ["Ctrl+Shift+K"],
              run: () => newest.cancel(),
            },
          ]
        : [
            {
              id: "commands.again",
              title: `Run ${newest.options.command.slice(0, 40)} again`,
              group: "Commands",
              icon: "refresh" as const,
              keys: ["R"],
              run: () => start(newest.options),
            },
          ]),
    { id: "commands.clear", title: "Take away all runs that have ended", group: "Commands", icon: "trash", run: clear },
  ]);

  return (
    <Panel
      title="Commands"
      tools={
        runs.value.some(run => !run.alive) && (
          <Button kind="ghost" icon="trash" onClick={clear}>
            Clear
          </Button>
        )
      }
    >
      <div class="commands">
        <CommandForm draft={draft} inputRef={input} sessions={sessions.value} onSessions={askSessions} onRun={start} />
        {runs.value.length === 0 ? (
          <EmptyState
            icon="commands"
            title="Run something"
            actions={EXAMPLES.map(command => (
              <Button
                key={command}
                class="mono"
                onClick={() =>
                  start({ command, session: draft.peek().session, cwd: "", env: {}, stdin: "", timeout: undefined })
                }
              >
                {command}
              </Button>
            ))}
          >
            Each command runs to its end, by itself in a shell of its own or in a session, whose directory and variables
            last from one to the next. What should outlive this page is a process; what wants to be talked to is a
            terminal.
          </EmptyState>
        ) : (
          <div class="commands-runs">
            {runs.value.map(run => (
              <RunCard
                key={run.id}
                run={run}
                onAgain={() => start(run.options)}
                onEdit={() => edit(run.options)}
                onRemove={() => remove(run)}
              />
            ))}
          </div>
        )}
      </div>
    </Panel>
  );
}
