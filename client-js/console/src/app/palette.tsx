/** The command palette: every action by name. */

import { useComputed, useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { KeyHint } from "../ui/key-hint.tsx";
import { type Action, actions } from "./actions.ts";

/** The palette, open while it is mounted. */
export function CommandPalette(props: { onClose: () => void }) {
  const id = useId();
  const text = useSignal("");
  const at = useSignal(0);
  const found = useComputed(() => search(actions.list(), text.value));
  const choose = (action: Action | undefined) => {
    if (action === undefined) return;
    props.onClose();
    // After the dialog has given the focus back, so that the action can put it elsewhere.
    setTimeout(() => action.run());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const count = found.value.length;
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const by = steps[event.key];
    if (by !== undefined && count > 0) {
      event.preventDefault();
      at.value = (at.value + by + count) % count;
      document.getElementById(`${id}-${at.value}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      choose(found.value[at.value]);
    }
  };
  return (
    <Dialog title="Command palette" bare class="palette" onClose={props.onClose}>
      <input
        class="palette-input"
        data-autofocus="true"
        role="combobox"
        aria-label="Action"
        aria-expanded="true"
        aria-autocomplete="list"
        aria-controls={`${id}-list`}
        aria-activedescendant={found.value.length > 0 ? `${id}-${at.value}` : undefined}
        placeholder="What do you want to do?"
        autocomplete="off"
        spellcheck={false}
        onInput={event => {
          text.value = event.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <div class="palette-list" id={`${id}-list`} role="listbox" aria-label="Actions">
        {found.value.map((action, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the combobox above.
          <div
            key={action.id}
            id={`${id}-${index}`}
            class="palette-item"
            role="option"
            tabIndex={-1}
            aria-selected={index === at.value}
            onMouseMove={() => {
              at.value = index;
            }}
            onClick={() => choose(action)}
          >
            <Icon name={action.icon ?? "chevronRight"} />
            <span class="truncate">{action.title}</span>
            <span class="palette-group">{action.group}</span>
            {action.keys?.[0] !== undefined && <KeyHint keys={action.keys[0]} />}
          </div>
        ))}
      </div>
      {found.value.length === 0 && (
        <p class="palette-none" role="status">
          Nothing is called that.
        </p>
      )}
    </Dialog>
  );
}

/** Those whose title has all words in it; first those that begin with the first. */
function search(all: Action[], text: string): Action[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = (action: Action) => (words[0] !== undefined && action.title.toLowerCase().startsWith(words[0]) ? 0 : 1);
  return all
    .filter(action => !action.hidden)
    .filter(action => words.every(word => `${action.title} ${action.group}`.toLowerCase().includes(word)))
    .sort((a, b) => rank(a) - rank(b));
}
