/** Buttons. */

import type { ComponentChildren, Ref } from "preact";
import { Icon, type IconName } from "./icon.tsx";

/** What a button may be told. */
export interface ButtonProps {
  /** What it says. */
  children?: ComponentChildren;
  /** Its name for screen readers and as a tooltip: needed when it shows only an icon. */
  label?: string;
  icon?: IconName;
  /** Default: `normal`. */
  kind?: "normal" | "primary" | "danger" | "ghost";
  type?: "button" | "submit";
  disabled?: boolean;
  /** For a button that stays down. */
  pressed?: boolean;
  expanded?: boolean;
  hasPopup?: "menu" | "dialog" | "listbox";
  onClick?: (event: MouseEvent) => void;
  buttonRef?: Ref<HTMLButtonElement>;
  class?: string;
}

/** A button. */
export function Button(props: ButtonProps) {
  const { children, label, icon, kind = "normal", type = "button", pressed, expanded } = props;
  return (
    <button
      ref={props.buttonRef ?? null}
      type={type}
      class={props.class ? `button ${props.class}` : "button"}
      data-kind={kind}
      data-icon-only={children === undefined ? "true" : undefined}
      disabled={props.disabled ?? false}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-haspopup={props.hasPopup}
      onClick={props.onClick}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
