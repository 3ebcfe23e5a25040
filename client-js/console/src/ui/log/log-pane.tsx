/** A log with its tools: search, follow, what is shown, copy and download. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import { messageOf, toast } from "../../app/toasts.ts";
import { Button } from "../button.tsx";
import { TextField } from "../field.tsx";
import { MenuButton, type MenuItem } from "../menu.tsx";
import { copyText } from "../save.ts";
import { ErrorCode, Spinner } from "../states.tsx";
import { stripAnsi } from "./ansi.ts";
import { LogReader, type LogSource } from "./log-reader.ts";
import { compileQuery, type LogMatch, LogSearch } from "./log-search.ts";
import { LogView } from "./log-view.tsx";
import { type LogStream, type LogWindow, lineText } from "./log-window.ts";
import { showTimes, wrapLines } from "./settings.ts";
import { useFrames } from "./use-frames.ts";

/** Shows a log from its end. */
export function LogPane(props: {
  /** Its name for screen readers. */
  label: string;
  /** The log. Another object is another log. */
  source: LogSource;
  /** Whether it is in sight: keys are taken only then. */
  active: boolean;
  /** What is said while there is nothing. */
  empty: ComponentChildren;
  /** Saves the whole log. */
  onDownload?: () => void;
}) {
  const { source } = props;
  const { frame, changed } = useFrames();
  const reader = useMemo(() => new LogReader(source, changed), [source, changed]);
  useEffect(() => {
    reader.start();
    return () => reader.stop();
  }, [reader]);

  const only = useSignal<LogStream | undefined>(undefined);
  const find = useFind(reader, frame);
  const field = useRef<HTMLInputElement>(null);
  const follow = () => reader.follow(!reader.following);
  useActions(props.active, [
    {
      id: "log.find",
      title: "Search in the log",
      group: "Log",
      icon: "search",
      keys: ["/", "Mod+F"],
      run: () => field.current?.focus(),
    },
    {
      id: "log.follow",
      title: reader.following ? "Stop following the log" : "Follow the log",
      group: "Log",
      icon: "arrowDown",
      keys: ["F"],
      run: follow,
    },
    { id: "log.next", title: "Next match", group: "Log", keys: ["N"], hidden: true, run: () => find.step(1) },
    {
      id: "log.previous",
      title: "Previous match",
      group: "Log",
      keys: ["Shift+N"],
      hidden: true,
      run: () => find.step(-1),
    },
    { id: "log.wrap", title: "Wrap long lines", group: "Log", keys: ["W"], run: () => toggle(wrapLines) },
    { id: "log.times", title: "Show timestamps", group: "Log", keys: ["T"], run: () => toggle(showTimes) },
  ]);

  const { window } = reader;
  const isEmpty = window.entries.length === 0;
  return (
    <div class="log-pane">
      <div class="log-tools" role="toolbar" aria-label={`Tools of ${props.label}`}>
        <search class="log-find">
          <TextField
            label="Search in the log"
            hideLabel
            type="search"
            placeholder="Search"
            value={find.text}
            inputRef={field}
            onInput={find.setText}
            onKeyDown={event => {
              if (event.key === "Enter") {
                event.preventDefault();
                find.step(event.shiftKey ? 1 : -1);
              } else if (event.key === "Escape") {
                find.setText("");
                field.current?.blur();
              }
            }}
          />
          <span class="log-count" role="status" data-tone={find.problem ? "danger" : undefined} title={find.problem}>
            {find.label}
          </span>
          <Button
            kind="ghost"
            icon="arrowUp"
            label="Previous match (Shift+N)"
            disabled={find.none && !reader.hasOlder}
            onClick={() => find.step(-1)}
          />
          <Button
            kind="ghost"
            icon="arrowDown"
            label="Next match (N)"
            disabled={find.none}
            onClick={() => find.step(1)}
          />
          <Button
            kind="ghost"
            label="Regular expression"
            pressed={find.regexp}
            class="desktop-only"
            onClick={find.toggleRegexp}
          >
            .*
          </Button>
          <Button
            kind="ghost"
            label="Match case"
            pressed={find.matchCase}
            class="desktop-only"
            onClick={find.toggleCase}
          >
            Aa
          </Button>
        </search>
        <span class="log-tools-space" />
        <Button
          kind="ghost"
          icon="arrowDown"
          label="Follow the newest lines (F)"
          pressed={reader.following}
          onClick={follow}
        >
          <span class="desktop-only">Follow</span>
        </Button>
        <MenuButton
          kind="ghost"
          icon="more"
          label="What the log shows"
          items={() =>
            menu({
              only: only.value,
              setOnly: stream => {
                only.value = stream;
              },
              find,
              window,
              onDownload: props.onDownload,
            })
          }
        />
      </div>
      {reader.loadingOlder && (
        <span class="badge log-older" role="status">
          <Spinner /> Loading earlier lines
        </span>
      )}
      {isEmpty && reader.status !== "loading" && reader.status !== "failed" ? (
        <div class="log-nothing">{props.empty}</div>
      ) : (
        <LogView
          label={props.label}
          window={window}
          only={only.value}
          following={reader.following}
          onFollow={wanted => reader.follow(wanted)}
          hasOlder={reader.hasOlder}
          onOlder={() => void reader.loadOlder()}
          hasNewer={reader.hasNewer}
          onNewer={() => void reader.loadNewer()}
          search={find.search}
          current={find.current}
        />
      )}
      {!reader.following && !isEmpty && (
        <Button class="log-jump" icon="arrowDown" onClick={() => reader.follow(true)}>
          Newest lines
        </Button>
      )}
      {reader.status === "loading" && isEmpty && (
        <div class="log-state" role="status">
          <Spinner /> Reading the log…
        </div>
      )}
      {reader.status === "failed" && (
        <div class="log-state" data-tone="danger" role="alert">
          The log cannot be read: {messageOf(reader.error)}
          <ErrorCode error={reader.error} />
          <Button onClick={() => reader.start()}>Try again</Button>
        </div>
      )}
    </div>
  );
}

/** What the search bar knows and does. */
interface Find {
  readonly text: string;
  readonly regexp: boolean;
  readonly matchCase: boolean;
  readonly label: string;
  readonly problem: string | undefined;
  readonly none: boolean;
  readonly search: LogSearch | undefined;
  readonly current: LogMatch | undefined;
  setText(text: string): void;
  toggleRegexp(): void;
  toggleCase(): void;
  /** To the next newer match (1) or the next older one (-1), which is looked for in what is not loaded, too. */
  step(by: 1 | -1): void;
}

function useFind(reader: LogReader, frame: number): Find {
  const query = useSignal({ text: "", regexp: false, matchCase: false });
  const current = useSignal<LogMatch | undefined>(undefined);
  const busy = useSignal(false);
  const { text, regexp, matchCase } = query.value;

  const { search, problem } = useMemo(() => {
    try {
      const pattern = compileQuery({ text, regexp, matchCase });
      return { search: pattern && new LogSearch(pattern), problem: undefined };
    } catch (error) {
      return { search: undefined, problem: messageOf(error) };
    }
  }, [text, regexp, matchCase]);
  // With each frame there may be other lines.
  useMemo(() => search?.update(reader.window), [search, reader, frame]);
  // Another search begins anew.
  useEffect(() => {
    current.value = search?.matches.at(-1);
    if (current.value !== undefined) reader.follow(false);
  }, [search]);

  const matches = search?.matches ?? [];
  const at = current.value === undefined ? -1 : matches.findIndex(match => isSame(match, current.value));

  const step = async (by: 1 | -1) => {
    if (search === undefined || busy.value) return;
    reader.follow(false);
    const from = current.value;
    const index = from === undefined ? -1 : search.matches.findIndex(match => isSame(match, from));
    let next = from === undefined || index < 0 ? search.matches.at(by === 1 ? 0 : -1) : search.matches[index + by];
    busy.value = true;
    try {
      while (
        next === undefined &&
        by === -1 &&
        reader.hasOlder &&
        query.value.text === text &&
        reader.status !== "failed"
      ) {
        await reader.loadOlder();
        search.update(reader.window);
        const first =
          from === undefined ? search.matches.length : search.matches.findIndex(match => isSame(match, from));
        next = search.matches[(first < 0 ? search.matches.length : first) - 1];
      }
    } finally {
      busy.value = false;
    }
    // At either end it begins again at the other.
    next ??= search.matches.at(by === 1 ? 0 : -1);
    if (next !== undefined) current.value = { ...next };
  };

  const count = `${matches.length.toLocaleString("en")}${search?.more ? "+" : ""}`;
  return {
    text,
    regexp,
    matchCase,
    problem,
    search,
    current: current.value,
    none: matches.length === 0,
    label:
      problem !== undefined
        ? "Not valid"
        : busy.value
          ? "Searching…"
          : search === undefined
            ? ""
            : `${at < 0 ? "–" : at + 1} of ${count}`,
    setText: value => {
      query.value = { ...query.value, text: value };
    },
    toggleRegexp: () => {
      query.value = { ...query.value, regexp: !regexp };
    },
    toggleCase: () => {
      query.value = { ...query.value, matchCase: !matchCase };
    },
    step: by => void step(by),
  };
}

function menu(of: {
  only: LogStream | undefined;
  setOnly: (stream: LogStream | undefined) => void;
  find: Find;
  window: LogWindow;
  onDownload: (() => void) | undefined;
}): MenuItem[] {
  const { only, setOnly, find } = of;
  return [
    { title: "Wrap long lines", keys: "W", checked: wrapLines.value, run: () => toggle(wrapLines) },
    { title: "Timestamps", keys: "T", checked: showTimes.value, run: () => toggle(showTimes) },
    { title: "Regular expression", checked: find.regexp, run: find.toggleRegexp },
    { title: "Match case", checked: find.matchCase, run: find.toggleCase },
    { separator: true },
    { title: "Standard output and error", checked: only === undefined, run: () => setOnly(undefined) },
    { title: "Only standard output", checked: only === 1, run: () => setOnly(1) },
    { title: "Only standard error", checked: only === 2, run: () => setOnly(2) },
    { separator: true },
    { title: "Copy what is loaded", icon: "copy", run: () => void copyLog(of.window) },
    ...(of.onDownload ? [{ title: "Download the whole log", icon: "download" as const, run: of.onDownload }] : []),
  ];
}

/** Copies what a window holds, as text without colours. */
export async function copyLog(window: LogWindow): Promise<void> {
  const text = window.entries
    .map(entry => (entry.type === "note" ? entry.text : stripAnsi(lineText(entry))))
    .join("\n");
  if (await copyText(text)) toast("Copied", { tone: "ok" });
  else toast("The browser did not allow copying", { tone: "danger" });
}

function toggle(setting: { value: boolean }): void {
  setting.value = !setting.value;
}

function isSame(a: LogMatch, b: LogMatch | undefined): boolean {
  return b !== undefined && a.key === b.key && a.from === b.from;
}
