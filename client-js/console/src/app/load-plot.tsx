/** CPU and memory of the sandbox, small. */

import { formatBytes, formatPercent } from "../ui/format.ts";
import { type Load, load } from "./load.ts";
import { href } from "./routes.ts";

/** Size of the plot in CSS pixels, and how many of the last readings it shows. */
const WIDTH = 72;
const HEIGHT = 16;
const SHOWN = 45;

/** The plot in the status bar; leads to the metrics. */
export function LoadPlot() {
  const shown = load.value.slice(-SHOWN);
  const last = shown.at(-1);
  if (last === undefined) return null;
  const part = last.memory / last.memoryTotal;
  const text = `CPU ${formatPercent(last.cpu)}, memory ${formatBytes(last.memory)} of ${formatBytes(last.memoryTotal)}`;
  return (
    <a class="status-item status-button load" href={href("metrics")} title={text}>
      <svg class="load-plot" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        <path class="load-memory" d={line(shown, reading => reading.memory / reading.memoryTotal)} />
        <path class="load-cpu-area" d={`${line(shown, cpu)}V${HEIGHT}H${left(shown)}Z`} />
        <path class="load-cpu" d={line(shown, cpu)} />
      </svg>
      <span class="tabular load-figure">CPU {formatPercent(last.cpu)}</span>
      <span class="tabular load-figure">Mem {formatPercent(part)}</span>
      <span class="visually-hidden">. Go to metrics.</span>
    </a>
  );
}

const cpu = (reading: Load) => reading.cpu;

/** The newest reading is at the right edge. */
function left(readings: readonly Load[]): number {
  return WIDTH - ((readings.length - 1) * WIDTH) / (SHOWN - 1);
}

function line(readings: readonly Load[], of: (reading: Load) => number): string {
  const step = WIDTH / (SHOWN - 1);
  const points = readings.map((reading, index) => {
    const y = HEIGHT - 1 - of(reading) * (HEIGHT - 2);
    return `${(left(readings) + index * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}
