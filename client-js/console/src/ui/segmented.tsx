/** A choice of a few, all of them in sight: radio buttons that look like one control. */

import { useId } from "preact/hooks";
import "./segmented.css";

/** Shows the choices. */
export function Segmented<Value extends string>(props: {
  /** Its name for screen readers. */
  label: string;
  choices: readonly { readonly value: Value; readonly title: string; readonly count?: number | undefined }[];
  value: Value;
  onChange: (value: Value) => void;
}) {
  const name = useId();
  return (
    <fieldset class="segmented">
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
