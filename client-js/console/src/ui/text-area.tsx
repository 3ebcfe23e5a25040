/** Text of several lines. */

import { useId } from "preact/hooks";

/** A field of several lines with its label, and what is wrong with it. */
export function TextArea(props: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  rows?: number;
  placeholder?: string;
  hint?: string;
  error?: string | undefined;
  /** In the monospace letters. Default: false. */
  mono?: boolean;
  onKeyDown?: (event: KeyboardEvent) => void;
}) {
  const id = useId();
  const note = props.error ?? props.hint;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <textarea
        id={id}
        class={props.mono ? "input mono" : "input"}
        rows={props.rows ?? 3}
        value={props.value}
        placeholder={props.placeholder}
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        aria-invalid={props.error !== undefined}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
        onInput={event => props.onInput(event.currentTarget.value)}
        onKeyDown={props.onKeyDown}
      />
      {note !== undefined && (
        <span id={`${id}-note`} class={props.error === undefined ? "field-hint" : "field-error"}>
          {note}
        </span>
      )}
    </div>
  );
}
