/** How the sandbox fares, and what it is. */

import "./metrics.css";
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Metrics, SandboxInfo } from "../../../../src/kinds/sandbox.ts";
import { state, traffic } from "../../app/connection.ts";
import { load } from "../../app/load.ts";
import type { PanelProps } from "../../app/panels.ts";
import { ErrorState, formatBytes, formatDuration, formatPercent, formatTime, Loading, Panel } from "../../ui/index.ts";
import { PlotCard } from "./plot-card.tsx";
import { added, type Sample, sampleOf } from "./series.ts";

/** Milliseconds between two readings. */
const INTERVAL = 1000;

/** Milliseconds until figures that stopped are asked for again. */
const RETRY = 3000;

/** What is known. */
interface Known {
  readonly info?: SandboxInfo;
  readonly now?: Metrics;
  readonly samples: readonly Sample[];
  readonly error?: unknown;
}

/** The panel. */
export default function MetricsPanel(props: PanelProps) {
  const { client, active } = props;
  const known = useSignal<Known>({ samples: earlier() });
  const attempt = useSignal(0);

  useEffect(() => {
    if (!active) return undefined;
    const stop = new AbortController();
    const read = async () => {
      const info = await client.info({ signal: stop.signal });
      known.value = { ...known.value, info };
      let before: Metrics | undefined;
      for await (const now of client.metrics({ interval: INTERVAL, signal: stop.signal })) {
        const sample = sampleOf(before, now, info.cpus, traffic.peek());
        before = now;
        // Nothing is drawn that nobody sees.
        if (!document.hidden) known.value = { info, now, samples: added(known.value.samples, sample) };
      }
    };
    let again: ReturnType<typeof setTimeout> | undefined;
    read().catch(error => {
      if (stop.signal.aborted) return;
      // What once went goes again when the server is back; what never went, a person must know of.
      if (known.value.now === undefined) known.value = { ...known.value, error };
      else {
        again = setTimeout(() => {
          attempt.value += 1;
        }, RETRY);
      }
    });
    return () => {
      clearTimeout(again);
      stop.abort();
    };
  }, [client, active, attempt.value, known]);

  const { info, now, samples, error } = known.value;
  if (error !== undefined || info === undefined || now === undefined) {
    const retry = () => {
      known.value = { samples };
      attempt.value += 1;
    };
    return (
      <Panel title="Metrics">
        {error === undefined ? (
          <Loading>Reading the first figures…</Loading>
        ) : (
          <ErrorState title="The sandbox does not say how it fares" error={error} onRetry={retry} />
        )}
      </Panel>
    );
  }
  return (
    <Panel title="Metrics" lead={<span class="muted truncate">{info.hostname}</span>}>
      <div class="metrics">
        <PlotCard
          title="CPU"
          note={`${info.cpus} ${info.cpus === 1 ? "core" : "cores"}`}
          lines={[{ value: "cpu", label: "busy", colour: "--accent", fill: true }]}
          samples={samples}
          format={formatPercent}
          max={1}
        />
        <PlotCard
          title="Memory"
          note={`of ${formatBytes(now.memoryTotal)}`}
          lines={[{ value: "memory", label: "in use", colour: "--info", fill: true }]}
          samples={samples}
          format={formatBytes}
          binary
          max={now.memoryTotal}
        />
        <PlotCard
          title="Load"
          note="one minute"
          lines={[{ value: "load", label: "load", colour: "--ok", fill: false }]}
          samples={samples}
          format={value => value.toFixed(2)}
        />
        <PlotCard
          title="This connection"
          note="bytes a second"
          lines={[
            { value: "down", label: "down", colour: "--info", fill: true },
            { value: "up", label: "up", colour: "--warn", fill: false },
          ]}
          samples={samples}
          format={value => `${formatBytes(value)}/s`}
          binary
        />
        <PlotCard
          title="The server itself"
          note="CPU of one core"
          lines={[{ value: "serverCpu", label: "CPU", colour: "--warn", fill: true }]}
          samples={samples}
          format={formatPercent}
        />
        <PlotCard
          title="The server's memory"
          note={`never more than ${formatBytes(info.memoryBound)}`}
          lines={[{ value: "serverMemory", label: "in use", colour: "--ok", fill: true }]}
          samples={samples}
          format={formatBytes}
          binary
        />
        <Facts title="Sandbox" rows={sandboxFacts(info, now)}>
          <Meter label="Disk" used={now.diskUsed} total={now.diskTotal} />
          <Meter label="Memory" used={now.memoryUsed} total={now.memoryTotal} />
        </Facts>
        <Facts title="Server" rows={serverFacts(info, now)} />
        <Facts title="Your connection" rows={connectionFacts(info)} />
      </div>
    </Panel>
  );
}

function Facts(props: {
  title: string;
  rows: readonly (readonly [string, string | undefined])[];
  children?: ComponentChildren;
}) {
  return (
    <section class="metrics-card metrics-facts" aria-label={props.title}>
      <header class="metrics-card-header">
        <h2>{props.title}</h2>
      </header>
      {props.children}
      <dl>
        {props.rows.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  );
}

function Meter(props: { label: string; used: number; total: number }) {
  const { label, used, total } = props;
  const part = total === 0 ? 0 : used / total;
  return (
    <div class="metrics-meter">
      <span>{label}</span>
      <span class="muted tabular">
        {formatBytes(used)} of {formatBytes(total)} ({formatPercent(part)})
      </span>
      <meter aria-label={`${label} in use`} min={0} max={1} low={0.8} high={0.92} optimum={0} value={part} />
    </div>
  );
}

function sandboxFacts(info: SandboxInfo, now: Metrics): [string, string | undefined][] {
  return [
    ["Host", info.hostname],
    ["System", `${info.os}, ${info.arch}`],
    ["Cores", String(info.cpus)],
    ["Workspace", info.workspace],
    ["User", info.user],
    ["Shell", info.shell],
    ["Processes in the background", String(now.processes)],
    ["Terminals", String(now.terminals)],
    ["Nobody did anything for", now.idle < 2000 ? "no time" : formatDuration(now.idle)],
  ];
}

function serverFacts(info: SandboxInfo, now: Metrics): [string, string | undefined][] {
  return [
    ["Version", info.version],
    ["Up for", formatDuration(now.time.getTime() - info.startedAt.getTime())],
    ["Started", formatTime(info.startedAt.getTime())],
    ["Boot", info.bootId],
    ["Memory", `${formatBytes(now.serverMemory)} of at most ${formatBytes(info.memoryBound)}`],
    ["CPU time", formatDuration(now.serverCpu)],
    ["Connections", String(now.connections)],
    ["Lanes", String(now.lanes)],
    ["Channels", String(now.channels)],
    ["Can bound a command's", info.limits.length === 0 ? "nothing" : info.limits.join(", ")],
  ];
}

function connectionFacts(info: SandboxInfo): [string, string | undefined][] {
  const now = state.value;
  const { rtt, down, up } = traffic.value;
  return [
    ["State", now.status],
    ["Server", now.status === "connected" ? now.server : undefined],
    ["Round trip", rtt === undefined ? undefined : `${rtt.toFixed(rtt < 10 ? 1 : 0)} ms`],
    ["Down", `${formatBytes(down)}/s`],
    ["Up", `${formatBytes(up)}/s`],
    ["Connections so far", now.status === "connected" ? String(now.connections) : undefined],
    ["You may", info.scopes.join(", ")],
  ];
}

/** What the status bar has read already. */
function earlier(): readonly Sample[] {
  return load.peek().map(({ at, cpu, memory }) => ({
    at,
    cpu,
    memory,
    load: null,
    serverCpu: null,
    serverMemory: null,
    down: null,
    up: null,
  }));
}
