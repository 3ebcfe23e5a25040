/** A button with a menu: arrows, Home, End and letters move, Escape closes and gives the focus back. */

import { useId, useRef, useState } from "preact/hooks";
import { Button, type ButtonProps } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { KeyHint } from "./key-hint.tsx";

/** A row of a menu. */
export type MenuItem =
  | {
      readonly title: string;
      readonly icon?: IconName;
      /** What is written small behind it. */
      readonly note?: string;
      readonly keys?: string;
      readonly danger?: boolean;
      readonly disabled?: boolean;
      /** For a row that is on or off. */
      readonly checked?: boolean;
      run(): void;
    }
  | { readonly separator: true }
  | { readonly heading: string };

/** A button that opens a menu. `items` is called when it opens. */
export function MenuButton(props: { label: string; items: () => readonly MenuItem[] } & Omit<ButtonProps, "onClick">) {
  const { label, items, ...button } = props;
  const [rows, setRows] = useState<readonly MenuItem[]>([]);
  const menu = useRef<HTMLDivElement>(null);
  const anchor = useRef<HTMLButtonElement>(null);
  const id = useId();

  const open = () => {
    setRows(items());
    requestAnimationFrame(() => {
      if (menu.current === null || anchor.current === null) return;
      menu.current.showPopover();
      place(menu.current, anchor.current);
      rowsOf(menu.current)[0]?.focus();
    });
  };
  const close = () => {
    menu.current?.hidePopover();
    anchor.current?.focus();
  };

  return (
    <span class="menu-anchor">
      <Button {...button} label={label} hasPopup="menu" expanded={rows.length > 0} buttonRef={anchor} onClick={open} />
      <div
        ref={menu}
        id={id}
        class="floating menu"
        popover="auto"
        role="menu"
        tabIndex={-1}
        aria-label={label}
        onKeyDown={event => {
          if (event.key === "Tab") close();
          else move(event);
        }}
        onToggle={event => {
          if ((event as ToggleEvent).newState === "closed") setRows([]);
        }}
      >
        {rows.map((row, index) => (
          <MenuRow key={index} row={row} close={close} />
        ))}
      </div>
    </span>
  );
}

function MenuRow(props: { row: MenuItem; close: () => void }) {
  const { row, close } = props;
  if ("separator" in row) return <hr class="menu-separator" />;
  if ("heading" in row) return <div class="menu-label">{row.heading}</div>;
  return (
    <button
      type="button"
      class="menu-item"
      {...(row.checked === undefined
        ? { role: "menuitem" as const }
        : { role: "menuitemcheckbox" as const, "aria-checked": row.checked })}
      tabIndex={-1}
      disabled={row.disabled ?? false}
      data-tone={row.danger ? "danger" : undefined}
      onClick={() => {
        close();
        row.run();
      }}
    >
      <span class="menu-item-slot">
        {row.checked === true ? <Icon name="check" /> : row.icon !== undefined && <Icon name={row.icon} />}
      </span>
      <span class="truncate">{row.title}</span>
      {row.note !== undefined && <span class="muted truncate">{row.note}</span>}
      {row.keys !== undefined && <KeyHint keys={row.keys} />}
    </button>
  );
}

/** Below the anchor, or above it when there is more room; never outside the window. */
function place(menu: HTMLElement, anchor: HTMLElement): void {
  const at = anchor.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const below = at.bottom + 4 + size.height <= innerHeight - 8 || at.top < innerHeight - at.bottom;
  const top = below ? at.bottom + 4 : at.top - 4 - size.height;
  const left = at.left + size.width <= innerWidth - 8 ? at.left : at.right - size.width;
  menu.style.top = `${Math.max(8, Math.min(top, innerHeight - 8 - size.height))}px`;
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - 8 - size.width))}px`;
}

function rowsOf(menu: HTMLElement): HTMLButtonElement[] {
  return [...menu.querySelectorAll<HTMLButtonElement>("button:not(:disabled)")];
}

function move(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const rows = rowsOf(event.currentTarget);
  const at = rows.indexOf(document.activeElement as HTMLButtonElement);
  const steps: Record<string, number> = {
    ArrowDown: (at + 1) % rows.length,
    ArrowUp: (at - 1 + rows.length) % rows.length,
    Home: 0,
    End: rows.length - 1,
  };
  let next = steps[event.key];
  if (next === undefined && event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.key !== " ") {
    const letter = event.key.toLowerCase();
    const from = [...rows.slice(at + 1), ...rows.slice(0, at + 1)];
    const match = from.find(row => row.textContent?.trim().toLowerCase().startsWith(letter));
    if (match) next = rows.indexOf(match);
  }
  if (next === undefined) return;
  event.preventDefault();
  rows[next]?.focus();
}
