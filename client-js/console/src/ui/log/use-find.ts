/** Searching in a log: the query, the matches, the one that is looked at. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { messageOf } from "../../app/toasts.ts";
import type { LogReader } from "./log-reader.ts";
import { compileQuery, type LogMatch, LogSearch } from "./log-search.ts";

/** What the search bar knows and does. */
export interface Find {
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

/** Searches the log of a reader; `frame` changes when the log may have. */
export function useFind(reader: LogReader, frame: number): Find {
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

function isSame(a: LogMatch, b: LogMatch | undefined): boolean {
  return b !== undefined && a.key === b.key && a.from === b.from;
}
