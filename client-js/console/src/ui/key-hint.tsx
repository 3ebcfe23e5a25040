/** Keys, as they are written on this machine. */

import { keyLabels } from "../app/keys.ts";

/** Shows keys such as `Mod+K`. */
export function KeyHint(props: { keys: string }) {
  return (
    <span class="kbd">
      {keyLabels(props.keys).map(label => (
        <kbd key={label}>{label}</kbd>
      ))}
    </span>
  );
}
