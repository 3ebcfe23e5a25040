/** Draws the part of a log that is seen; the rest is only as high as it would be. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { AnsiPiece } from "./ansi-view.tsx";
import { LogLayout } from "./log-layout.ts";
import type { LogMatch, LogSearch } from "./log-search.ts";
import { type LogSpan, lineSpans } from "./log-spans.ts";
import { type LogEntry, type LogStream, type LogWindow, lineText } from "./log-window.ts";
import { showTimes, wrapLines } from "./settings.ts";
import "./log.css";

/** Rows that are drawn above and below what is seen. */
const SPARE = 20;
/** So near to the beginning, in pixels, older lines are asked for. */
const NEAR_TOP = 800;

/** What a log view is told. */
export interface LogViewProps {
  /** Its name for screen readers. */
  label: string;
  /** Whoever changes it draws the view again. */
  window: LogWindow;
  /** Only this stream. Default: both. */
  only?: LogStream | undefined;
  /** Whether the newest line is kept in sight. */
  following: boolean;
  /** The person scrolled away from the end, or to it. */
  onFollow: (wanted: boolean) => void;
  hasOlder?: boolean;
  onOlder?: () => void;
  hasNewer?: boolean;
  onNewer?: () => void;
  search?: LogSearch | undefined;
  /** The match that is looked at. A new object is scrolled to. */
  current?: LogMatch | undefined;
}

/** A log. */
export function LogView(props: LogViewProps) {
  const { window, following, only } = props;
  // Asked of the window itself: the view also draws itself, when it is scrolled, and must not take old places for new lines.
  const { version } = window;
  const box = useRef<HTMLDivElement>(null);
  const ruler = useRef<HTMLSpanElement>(null);
  const [view, setView] = useState({ top: 0, height: 0, columns: 80, line: 18 });
  const wrap = wrapLines.value;
  const times = showTimes.value;
  // The version stands for the entries, which change in their place.
  const entries = useMemo(
    () =>
      only === undefined
        ? window.entries
        : window.entries.filter(entry => entry.type === "note" || entry.stream === only),
    [window, version, only],
  );
  // A line may have grown though the list is the same.
  const layout = useMemo(
    () => new LogLayout(entries, wrap ? view.columns - (times ? 13 : 0) : undefined),
    [entries, version, wrap, times, view.columns],
  );

  // What stood at the top stays there when lines come in front of it.
  const anchor = useRef<{ key: number; by: number } | undefined>(undefined);
  const lastTop = useRef(0);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = () => {
      const letter = ruler.current?.getBoundingClientRect();
      const columns = letter === undefined ? 80 : Math.floor((element.clientWidth - 28) / (letter.width / 100));
      setView(old => ({ ...old, height: element.clientHeight, columns, line: letter?.height || 18 }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    if (following) element.scrollTop = element.scrollHeight;
    else if (anchor.current !== undefined) {
      const top = layout.top(indexOfKey(entries, anchor.current.key)) * view.line + anchor.current.by;
      if (Math.abs(element.scrollTop - top) > 1) element.scrollTop = top;
    }
    lastTop.current = element.scrollTop;
  }, [following, entries, layout, view.line]);

  const shownMatch = useRef<LogMatch | undefined>(undefined);
  useLayoutEffect(() => {
    const element = box.current;
    const { current } = props;
    if (element === null || current === undefined || shownMatch.current === current) return;
    shownMatch.current = current;
    const top = layout.top(indexOfKey(entries, current.key)) * view.line;
    if (top < element.scrollTop || top > element.scrollTop + element.clientHeight - 2 * view.line) {
      element.scrollTop = top - element.clientHeight / 2;
    }
  }, [props.current, entries, layout, view.line]);

  const onScroll = () => {
    const element = box.current;
    if (element === null) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    const atEnd = scrollHeight - clientHeight - scrollTop < 4;
    if (following && !atEnd && scrollTop < lastTop.current - 2) props.onFollow(false);
    else if (!following && atEnd && scrollTop > lastTop.current) {
      if (props.hasNewer) props.onNewer?.();
      else props.onFollow(true);
    }
    if (scrollTop < NEAR_TOP && scrollTop < lastTop.current && props.hasOlder) props.onOlder?.();
    lastTop.current = scrollTop;
    const first = entries[layout.at(scrollTop / view.line)];
    anchor.current =
      first === undefined
        ? undefined
        : { key: first.key, by: scrollTop - layout.top(indexOfKey(entries, first.key)) * view.line };
    setView(old => (old.top === scrollTop ? old : { ...old, top: scrollTop }));
  };

  const top = following ? Math.max(0, layout.rows * view.line - view.height) : view.top;
  const first = Math.max(0, layout.at(top / view.line) - SPARE);
  const last = Math.min(layout.count, layout.at((top + view.height) / view.line) + SPARE + 1);
  const atEnd = last === layout.count && following;
  return (
    <div
      ref={box}
      class="log"
      role="log"
      aria-label={props.label}
      aria-live="off"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
      tabIndex={0}
      data-wrap={wrap ? "true" : undefined}
      onScroll={onScroll}
      onWheel={event => {
        if (event.deltaY < 0 && following && (box.current?.scrollTop ?? 0) > 0) props.onFollow(false);
      }}
      onKeyDown={event => {
        if (event.key === "End") props.onFollow(true);
        else if (["Home", "PageUp", "ArrowUp"].includes(event.key) && (box.current?.scrollTop ?? 0) > 0)
          props.onFollow(false);
      }}
    >
      <span ref={ruler} class="log-ruler" aria-hidden="true">
        {"x".repeat(100)}
      </span>
      <div class="log-space" style={{ height: `${layout.rows * view.line}px` }}>
        {/* At the end the lines stand on the ground: so the last is whole also where a height was only estimated. */}
        <div
          class="log-rows"
          style={atEnd ? { top: "auto", bottom: "0" } : { top: `${layout.top(first) * view.line}px`, bottom: "auto" }}
        >
          {entries.slice(first, last).map(entry => (
            <LogRow key={entry.key} entry={entry} times={times} search={props.search} current={props.current} />
          ))}
        </div>
      </div>
    </div>
  );
}

function LogRow(props: {
  entry: LogEntry;
  times: boolean;
  search: LogSearch | undefined;
  current: LogMatch | undefined;
}) {
  const { entry, search, current } = props;
  if (entry.type === "note") {
    return (
      <div class="log-note" data-tone={entry.tone}>
        {entry.text}
      </div>
    );
  }
  const mine = current?.key === entry.key ? current : undefined;
  return (
    <div
      class="log-row"
      data-stream={entry.stream === 2 ? "stderr" : undefined}
      data-current={mine ? "true" : undefined}
    >
      {props.times && <span class="log-time">{entry.time === undefined ? "" : clock(entry.time)}</span>}
      <span class="log-text">
        {lineSpans(lineText(entry), entry.sgr, search?.of(entry.key) ?? [], mine).map((span, i) => (
          <Span key={i} span={span} />
        ))}
      </span>
    </div>
  );
}

function Span(props: { span: LogSpan }) {
  const { match } = props.span;
  const shown = <AnsiPiece span={props.span} />;
  return match === undefined ? shown : <mark data-current={match === "current" ? "true" : undefined}>{shown}</mark>;
}

/** `14:03:07.250`, in the person's time zone. */
function clock(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function indexOfKey(entries: readonly LogEntry[], key: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle] as LogEntry).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
