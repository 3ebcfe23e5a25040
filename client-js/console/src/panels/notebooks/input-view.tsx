/** A line that the code asks for. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../../ui/index.ts";
import type { InputRequest } from "./cell.ts";

/** Asks for the line. */
export function InputView(props: { request: InputRequest; active: boolean }) {
  const { request } = props;
  const value = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      class="notebooks-input"
      onSubmit={event => {
        event.preventDefault();
        request.answer(value.peek());
      }}
    >
      <label class="notebooks-input-label">
        <span class="mono">{request.prompt || "Input"}</span>
        <input
          ref={field}
          class="input mono"
          type={(request.password ? "password" : "text") as "text"}
          autocomplete="off"
          spellcheck={false}
          value={value.value}
          onInput={event => {
            value.value = event.currentTarget.value;
          }}
        />
      </label>
      <Button kind="primary" type="submit">
        Send
      </Button>
    </form>
  );
}
