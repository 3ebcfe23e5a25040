/** A plot with its name and the figures of the moment that is looked at. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../../app/theme.ts";
import { formatTime } from "../../ui/index.ts";
import type { Line, Plot } from "./plot.ts";
import { column, type Sample } from "./series.ts";

/** A line with where its values are. */
export interface PlotLine extends Line {
  readonly value: Exclude<keyof Sample, "at">;
}

/** Shows a plot. */
export function PlotCard(props: {
  title: string;
  lines: readonly PlotLine[];
  samples: readonly Sample[];
  format: (value: number) => string;
  max?: number | undefined;
  /** Whether the values are bytes. Default: false. */
  binary?: boolean;
  /** What stands small beside the title. */
  note?: string;
}) {
  const { title, lines, samples, format, max, binary } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const hovered = useSignal<number | undefined>(undefined);
  const failed = useSignal(false);
  const newest = useRef(samples);
  newest.current = samples;

  const draw = () => {
    const all = newest.current;
    plot.current?.set(
      all.map(sample => sample.at),
      lines.map(line => column(all, line.value)),
    );
  };
  // The colours are read when it is made, so it is made anew for others.
  const colours = theme.value;
  useEffect(() => {
    const parent = box.current;
    if (parent === null) return undefined;
    let gone = false;
    const observer = new ResizeObserver(() => plot.current?.resize(parent.clientWidth, parent.clientHeight));
    import("./plot.ts").then(
      ({ createPlot }) => {
        if (gone) return;
        plot.current = createPlot({
          parent,
          lines,
          format,
          max,
          binary,
          onHover: index => {
            hovered.value = index;
          },
        });
        draw();
        observer.observe(parent);
      },
      () => {
        failed.value = true;
      },
    );
    return () => {
      gone = true;
      observer.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [colours, max]);
  useEffect(draw, [samples]);

  const shown = (hovered.value === undefined ? undefined : samples[hovered.value]) ?? samples.at(-1);
  const words = lines.map(line => {
    const value = shown?.[line.value];
    return { line, text: value === null || value === undefined ? "–" : format(value) };
  });
  return (
    <section class="metrics-card" aria-label={title}>
      <header class="metrics-card-header">
        <h2>{title}</h2>
        <span class="muted truncate">
          {hovered.value === undefined || shown === undefined ? props.note : formatTime(shown.at)}
        </span>
        <span class="metrics-values">
          {words.map(({ line, text }) => (
            <span key={line.value} class="metrics-value tabular">
              {lines.length > 1 && (
                <span class="metrics-key" style={{ backgroundColor: `var(${line.colour})` }} aria-hidden="true" />
              )}
              {lines.length > 1 && <span class="muted">{line.label}</span>} {text}
            </span>
          ))}
        </span>
      </header>
      <div
        ref={box}
        class="metrics-plot"
        role="img"
        aria-label={`${title} over the last minutes, now ${words.map(({ line, text }) => `${line.label} ${text}`).join(", ")}`}
      />
      {failed.value && <p class="metrics-failed muted">The plot could not be loaded. Reload the page to try again.</p>}
    </section>
  );
}
