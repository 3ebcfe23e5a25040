/** The field that searches in a terminal, above its screen. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Button, TextField } from "../../ui/index.ts";
import type { TerminalStore } from "./store.ts";
import type { TerminalView } from "./view.ts";

/** The field. Enter goes up to older lines, Shift-Enter down, Escape ends the search. */
export function SearchBar(props: { store: TerminalStore; view: TerminalView }) {
  const { store, view } = props;
  const text = useSignal("");
  const caseSensitive = useSignal(false);
  const regex = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);

  const search = (direction: "next" | "previous", incremental = false) =>
    view.search(text.value, direction, { caseSensitive: caseSensitive.value, regex: regex.value, incremental });
  const found = view.found.value;
  const toggle = (option: typeof regex) => {
    option.value = !option.value;
    search("previous");
  };
  return (
    <search class="floating terminals-search">
      <TextField
        label="Find in this terminal"
        hideLabel
        placeholder="Find"
        value={text.value}
        inputRef={input}
        onInput={value => {
          text.value = value;
          search("previous", true);
        }}
        onKeyDown={event => {
          if (event.key === "Enter") search(event.shiftKey ? "next" : "previous");
          else if (event.key === "Escape") store.search(false);
          else return;
          event.preventDefault();
        }}
      />
      <span class="terminals-search-count tabular" role="status">
        {text.value === "" || found === undefined ? "" : found.count === 0 ? "None" : `${found.at} of ${found.count}`}
      </span>
      <Button kind="ghost" label="Match case" pressed={caseSensitive.value} onClick={() => toggle(caseSensitive)}>
        Aa
      </Button>
      <Button kind="ghost" label="Regular expression" pressed={regex.value} onClick={() => toggle(regex)}>
        .*
      </Button>
      <Button kind="ghost" icon="chevronUp" label="Older match" onClick={() => search("previous")} />
      <Button kind="ghost" icon="chevronDown" label="Newer match" onClick={() => search("next")} />
      <Button kind="ghost" icon="close" label="End the search" onClick={() => store.search(false)} />
    </search>
  );
}
