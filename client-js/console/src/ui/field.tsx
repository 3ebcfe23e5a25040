/** Fields of forms. */

import type { Ref } from "preact";
import { useId } from "preact/hooks";

/** What a text field may be told. */
export interface TextFieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  /** Whether the label is only for screen readers. Default: false. */
  hideLabel?: boolean;
  placeholder?: string;
  hint?: string;
  error?: string | undefined;
  type?: "text" | "password" | "search" | "number";
  /** In the monospace letters. Default: false. */
  mono?: boolean;
  disabled?: boolean;
  autoFocus?: boolean;
  autoComplete?: string;
  name?: string;
  required?: boolean;
  inputRef?: Ref<HTMLInputElement>;
  onKeyDown?: (event: KeyboardEvent) => void;
}

/** A line of text with its label, its hint and what is wrong with it. */
export function TextField(props: TextFieldProps) {
  const id = useId();
  const note = props.error ?? props.hint;
  return (
    <div class="field">
      <label for={id} class={props.hideLabel ? "visually-hidden" : undefined}>
        {props.label}
      </label>
      {/* Preact types each kind of field apart; ours differ in nothing that matters here. */}
      <input
        id={id}
        ref={props.inputRef ?? null}
        class={props.mono ? "input mono" : "input"}
        type={(props.type ?? "text") as "text"}
        name={props.name}
        value={props.value}
        placeholder={props.placeholder}
        disabled={props.disabled ?? false}
        required={props.required ?? false}
        autocomplete={props.autoComplete ?? "off"}
        autocapitalize="off"
        spellcheck={false}
        data-autofocus={props.autoFocus ? "true" : undefined}
        aria-invalid={props.error !== undefined}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
        onInput={event => props.onInput(event.currentTarget.value)}
        onKeyDown={props.onKeyDown}
      />
      {note !== undefined && (
        <span
          id={`${id}-note`}
          class={props.error === undefined ? "field-hint" : "field-error"}
          role={props.error === undefined ? undefined : "alert"}
        >
          {note}
        </span>
      )}
    </div>
  );
}
