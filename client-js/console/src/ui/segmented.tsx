/** A choice of a few, all of them in sight: radio buttons that look like one control. */

import { useId } from "preact/hooks";
import "./segmented.css";

/** The choices. */
export interface SegmentedProps<Value extends string> {
  /** Its name for screen readers. */
  label: string;
  choices: readonly { readonly value: Value; readonly title: string; readonly count?: number | undefined }[];
  value: Value;
  onChange: (value: Value) => void;
  /** Id of what says more about it. */
  describedBy?: string;
}

/** Shows the choices. */
export function Segmented<Value extends string>(props: SegmentedProps<Value>) {
  const name = useId();
  return (
    <fieldset class="segmented" aria-describedby={props.describedBy}>
      <legend class="visually-hidden">{props.label}</legend>
      {props.choices.map(choice => (
        <label key={choice.value} class="segment">
          <input
            type="radio"
            name={name}
            value={choice.value}
            checked={choice.value === props.value}
            onChange={() => props.onChange(choice.value)}
          />
          <span>{choice.title}</span>
          {choice.count !== undefined && <span class="segment-count">{choice.count}</span>}
        </label>
      ))}
    </fieldset>
  );
}

/** The same as a field of a form: its label is seen, and what the choice means. */
export function SegmentedField<Value extends string>(
  props: Omit<SegmentedProps<Value>, "describedBy"> & { hint?: string },
) {
  const { hint, ...rest } = props;
  const id = useId();
  return (
    <div class="field">
      <span class="field-label" aria-hidden="true">
        {props.label}
      </span>
      <Segmented {...rest} {...(hint === undefined ? {} : { describedBy: id })} />
      {hint !== undefined && (
        <span id={id} class="field-hint">
          {hint}
        </span>
      )}
    </div>
  );
}
