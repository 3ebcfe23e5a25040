/** The bar at the bottom: connection, latency, throughput, load. */

import type { State } from "../../../src/state.ts";
import { formatBytes } from "../ui/format.ts";
import { Icon } from "../ui/icon.tsx";
import { Dot, type Tone } from "../ui/states.tsx";
import { access, state, traffic } from "./connection.ts";
import { keyLabels } from "./keys.ts";
import { LoadPlot } from "./load-plot.tsx";

/** The status bar. */
export function StatusBar(props: { onShortcuts: () => void; onPalette: () => void }) {
  const { rtt, up, down } = traffic.value;
  const { tone, text } = describe();
  return (
    <footer class="status">
      <span class="status-item" role="status">
        <Dot tone={tone} />
        {text}
      </span>
      <span class="status-item tabular" title="Round trip to the server">
        {rtt === undefined ? "– ms" : `${rtt < 10 ? rtt.toFixed(1) : Math.round(rtt)} ms`}
      </span>
      <span class="status-item tabular" title="From and to the sandbox, per second">
        <Icon name="arrowDown" size={11} />
        {formatBytes(down)}/s
        <Icon name="arrowUp" size={11} />
        {formatBytes(up)}/s
      </span>
      <span class="status-space" />
      <LoadPlot />
      <button
        type="button"
        class="status-item status-button"
        onClick={props.onShortcuts}
        aria-label="Keyboard shortcuts"
      >
        <Icon name="keyboard" size={14} />
      </button>
      <button type="button" class="status-item status-button" onClick={props.onPalette}>
        Actions <span class="muted">{keyLabels("Mod+K").join(" ")}</span>
      </button>
    </footer>
  );
}

/** The connection in a word. */
export function describe(): { tone: Tone | undefined; text: string } {
  const now = state.value;
  const opened = access.value.is;
  switch (opened) {
    case "checking":
      return { tone: "warn", text: "Connecting…" };
    case "signed-out":
      return { tone: undefined, text: "Signed out" };
    case "unreachable":
      return { tone: "danger", text: "Not connected" };
    case "open":
      return describeState(now);
  }
}

function describeState(now: State): { tone: Tone; text: string } {
  switch (now.status) {
    case "connecting":
      return { tone: "warn", text: "Connecting…" };
    case "connected":
      return { tone: "ok", text: "Connected" };
    case "reconnecting":
      return { tone: "warn", text: "Reconnecting…" };
    case "draining":
      return { tone: "warn", text: "Server is shutting down" };
    case "asleep":
      return { tone: "warn", text: "Asleep" };
    case "closed":
      return { tone: "danger", text: "Not connected" };
  }
}
