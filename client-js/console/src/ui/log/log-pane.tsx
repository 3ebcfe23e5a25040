/** A log with its tools: search, follow, what is shown, copy and download. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import { messageOf } from "../../app/toasts.ts";
import { Button } from "../button.tsx";
import { copyText } from "../copy.ts";
import { TextField } from "../field.tsx";
import { MenuButton, type MenuItem } from "../menu.tsx";
import { ErrorCode, Spinner } from "../states.tsx";
import { stripAnsi } from "./ansi.ts";
import { LogReader, type LogSource } from "./log-reader.ts";
import { LogView } from "./log-view.tsx";
import { type LogStream, type LogWindow, lineText } from "./log-window.ts";
import { showTimes, wrapLines } from "./settings.ts";
import { type Find, useFind } from "./use-find.ts";
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
            icon="chevronUp"
            label="Previous match (Shift+N)"
            disabled={find.none && !reader.hasOlder}
            onClick={() => find.step(-1)}
          />
          <Button
            kind="ghost"
            icon="chevronDown"
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
  await copyText(text, "Copied");
}

function toggle(setting: { value: boolean }): void {
  setting.value = !setting.value;
}
