/** A choice of many, by the browser's own list. */

import { useId } from "preact/hooks";

/** Something to choose. */
export interface Option {
  readonly value: string;
  readonly title: string;
}

/** Shows the choice with its label. */
export function Select(props: {
  label: string;
  options: readonly Option[];
  value: string;
  onChange: (value: string) => void;
  /** The person is about to choose: what there is may be asked for anew. */
  onOpen?: () => void;
  /** Whether the label is only for screen readers. Default: false. */
  hideLabel?: boolean;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id} class={props.hideLabel ? "visually-hidden" : undefined}>
        {props.label}
      </label>
      <select
        id={id}
        class="input select"
        value={props.value}
        disabled={props.disabled ?? false}
        onFocus={props.onOpen}
        onPointerDown={props.onOpen}
        onChange={event => props.onChange(event.currentTarget.value)}
      >
        {props.options.map(option => (
          <option key={option.value} value={option.value}>
            {option.title}
          </option>
        ))}
      </select>
    </div>
  );
}
