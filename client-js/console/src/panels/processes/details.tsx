/** One process: its state, what can be done with it, its log. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Processes } from "../../../../src/kinds/process.ts";
import { useActions } from "../../app/actions.ts";
import { confirm } from "../../app/dialogs.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { copyText } from "../../ui/copy.ts";
import {
  Button,
  Details,
  EmptyState,
  type Fact,
  Facts,
  formatBytes,
  formatDuration,
  formatPercent,
  formatTime,
  MenuButton,
  Tabs,
  tabId,
  tabPanelId,
} from "../../ui/index.ts";
import { LogPane } from "../../ui/log/log-pane.tsx";
import type { LiveProcess } from "./live.ts";
import { downloadLog, type LogClient, processLog } from "./process-log.ts";
import { age, isAlive, statusText } from "./process-table.ts";

const SIGNALS = [
  ["SIGINT", "interrupt, as Ctrl-C"],
  ["SIGHUP", "hang up; many read their settings again"],
  ["SIGQUIT", "quit with a core dump"],
  ["SIGTERM", "end"],
  ["SIGUSR1", "its own meaning"],
  ["SIGUSR2", "its own meaning"],
  ["SIGSTOP", "stop for now"],
  ["SIGCONT", "go on"],
  ["SIGKILL", "end at once"],
] as const;

const TABS = [
  { id: "log", title: "Log" },
  { id: "details", title: "Details" },
] as const;

/** Shows a process. */
export function ProcessDetails(props: {
  client: LogClient & Processes;
  process: LiveProcess;
  active: boolean;
  onClose: () => void;
  /** Asks for it to be started again. */
  onAgain: () => void;
  /** Something was done to it. */
  onChanged: () => void;
}) {
  const { client, process, active } = props;
  const tab = useSignal<string>("log");
  const source = useMemo(() => processLog(client, process.id), [client, process.id]);
  const alive = isAlive(process);

  const signal = async (name: string) => {
    try {
      await process.handle.kill(name);
      toast(`${name} was sent to ${process.id}`);
      props.onChanged();
    } catch (error) {
      toastError(`${name} could not be sent to ${process.id}`, error);
    }
  };
  const kill = async () => {
    const yes = await confirm({
      title: `End ${process.id}?`,
      text: "It and everything that it started get TERM, and KILL when they have not ended after their grace time.",
      action: "End process",
      danger: true,
    });
    if (!yes) return;
    try {
      await process.handle.kill();
      toast(`${process.id} has ended`, { tone: "ok" });
    } catch (error) {
      toastError(`${process.id} could not be ended`, error);
    }
    props.onChanged();
  };
  const remove = async () => {
    const yes = await confirm({
      title: `Remove ${process.id}?`,
      text: alive ? "It is ended, and its log is thrown away." : "Its log is thrown away.",
      action: "Remove",
      danger: true,
    });
    if (!yes) return;
    try {
      await process.handle.remove({ force: true });
      props.onClose();
    } catch (error) {
      toastError(`${process.id} could not be removed`, error);
    }
    props.onChanged();
  };

  useActions(active, [
    {
      id: "processes.kill",
      title: `End ${process.id}`,
      group: "Processes",
      icon: "stop",
      keys: ["K"],
      run: () => void kill(),
    },
    {
      id: "processes.again",
      title: `Start ${process.id} again`,
      group: "Processes",
      icon: "refresh",
      keys: ["R"],
      run: props.onAgain,
    },
    {
      id: "processes.remove",
      title: `Remove ${process.id}`,
      group: "Processes",
      icon: "trash",
      run: () => void remove(),
    },
    {
      id: "processes.close",
      title: "Close details",
      group: "Processes",
      keys: ["Escape"],
      hidden: true,
      run: props.onClose,
    },
  ]);

  return (
    <Details
      label={`Process ${process.id}`}
      name={process.id}
      status={statusText(process)}
      note={<code title={process.command}>{process.command}</code>}
      onClose={props.onClose}
      tools={
        <>
          {alive && (
            <Button icon="stop" label="End it, with all that it started (K)" onClick={() => void kill()}>
              <span class="desktop-only">End</span>
            </Button>
          )}
          <Button icon="refresh" label={alive ? "Restart it (R)" : "Start again (R)"} onClick={props.onAgain}>
            <span class="desktop-only">{alive ? "Restart" : "Start again"}</span>
          </Button>
          <MenuButton
            kind="ghost"
            icon="more"
            label={`More for ${process.id}`}
            items={() => [
              { heading: "Send a signal" },
              ...SIGNALS.map(([name, note]) => ({
                title: name,
                note,
                disabled: !alive,
                danger: name === "SIGKILL",
                run: () => void signal(name),
              })),
              { separator: true },
              {
                title: "Copy the command",
                icon: "copy",
                run: () => void copyText(process.command, undefined, process.command),
              },
              { title: "Remove…", icon: "trash", danger: true, run: () => void remove() },
            ]}
          />
        </>
      }
    >
      <Tabs
        name="process"
        label="About this process"
        tabs={TABS}
        selected={tab.value}
        onSelect={id => {
          tab.value = id;
        }}
      />
      <div
        class="processes-tab"
        role="tabpanel"
        id={tabPanelId("process", tab.value)}
        aria-labelledby={tabId("process", tab.value)}
      >
        {tab.value === "log" ? (
          <LogPane
            key={process.id}
            label={`Log of ${process.id}`}
            source={source}
            active={active}
            onDownload={() => {
              downloadLog(client, process.id).catch(error => toastError("The log could not be downloaded", error));
            }}
            empty={
              <EmptyState icon="terminal" title="Nothing was written">
                {alive ? "What it writes to its standard output and error stands here." : "It ended without a word."}
              </EmptyState>
            }
          />
        ) : (
          <Facts facts={factsOf(process)} />
        )}
      </div>
    </Details>
  );
}

function factsOf(process: LiveProcess): readonly Fact[] {
  const { exit } = process;
  return [
    ["State", statusText(process).detail],
    ["Command", process.command, "mono"],
    ["Working directory", process.cwd, "mono"],
    ["Process id", String(process.pid)],
    ["Started", formatTime(process.startedAt.getTime())],
    ["Ended", process.endedAt && formatTime(process.endedAt.getTime())],
    [process.endedAt ? "Ran for" : "Running for", formatDuration(age(process, Date.now()))],
    ["Started again", process.restarts === 0 ? "never" : process.restarts === 1 ? "once" : `${process.restarts} times`],
    ["CPU now", process.cpu === undefined ? undefined : `${formatPercent(process.cpu)} of one core`],
    ["Memory now", process.memory === undefined ? undefined : formatBytes(process.memory)],
    ["Processes in its tree", process.tree === undefined ? undefined : String(process.tree)],
    [
      "CPU time of the last run",
      exit && `${formatDuration(exit.usage.user)} user, ${formatDuration(exit.usage.system)} system`,
    ],
    ["Most memory of one process", exit?.usage.maxRss === undefined ? undefined : formatBytes(exit.usage.maxRss)],
    ["Log", `${formatBytes(process.logEnd - process.logStart)} kept of ${formatBytes(process.logEnd)}`],
  ];
}
