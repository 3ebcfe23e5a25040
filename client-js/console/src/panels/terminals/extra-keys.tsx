/** Keys that the keyboard of a phone does not have. They do not take the focus, so that that keyboard stays out. */

import { Icon, type IconName } from "../../ui/index.ts";
import type { TerminalView } from "./view.ts";

/** The row of keys. */
export function ExtraKeys(props: { view: TerminalView }) {
  const { view } = props;
  const modifier = (name: "ctrl" | "alt", label: string) => (
    <Key
      label={label}
      pressed={view.sticky.value === name}
      press={() => {
        view.sticky.value = view.sticky.value === name ? undefined : name;
      }}
    />
  );
  return (
    <div class="terminals-keys" role="toolbar" aria-label="Keys">
      <Key label="Esc" press={() => view.type("\x1b")} />
      <Key label="Tab" press={() => view.type("\t")} />
      {modifier("ctrl", "Ctrl")}
      {modifier("alt", "Alt")}
      <Key label="Up" icon="arrowUp" press={() => view.arrow("A")} />
      <Key label="Down" icon="arrowDown" press={() => view.arrow("B")} />
      <Key label="Left" icon="arrowLeft" press={() => view.arrow("D")} />
      <Key label="Right" icon="arrowRight" press={() => view.arrow("C")} />
      <Key label="Ctrl-C" text="^C" press={() => view.type("\x03")} />
      <Key label="Slash" text="/" press={() => view.type("/")} />
      <Key label="Dash" text="-" press={() => view.type("-")} />
      <Key label="Pipe" text="|" press={() => view.type("|")} />
      <Key label="Tilde" text="~" press={() => view.type("~")} />
    </div>
  );
}

function Key(props: { label: string; text?: string; icon?: IconName; pressed?: boolean; press: () => void }) {
  return (
    <button
      type="button"
      class="terminals-key"
      aria-label={props.label}
      aria-pressed={props.pressed}
      // The focus stays in the terminal.
      onPointerDown={event => event.preventDefault()}
      onClick={props.press}
    >
      {props.icon ? <Icon name={props.icon} /> : (props.text ?? props.label)}
    </button>
  );
}
