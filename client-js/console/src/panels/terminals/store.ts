/** The terminals of this browser tab: their layout, which outlives a reload, and what draws them, which does not. */

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Client } from "../../app/client.ts";
import { choose, prompt } from "../../app/dialogs.ts";
import { remembered } from "../../app/settings.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { foregroundOf } from "./foreground.ts";
import {
  activate,
  activeTab,
  addTab,
  changeTab,
  closeTab,
  freeNumber,
  groupsOf,
  isLayout,
  type Layout,
  newId,
  replaceTab,
  splitWith,
  type Tab,
  tabsOf,
} from "./layout.ts";
import type { NewTerminal } from "./open.ts";
import { TerminalView } from "./view.ts";

/** Frames for which a terminal that is to get the keys waits for a dialog to be gone. */
const FOCUS_FRAMES = 20;

/** Where the terminals stand. */
export const layout: Signal<Layout> = remembered("terminals", {}, isLayout);

/** The tab that is dragged now. */
export const dragged: Signal<string | undefined> = signal(undefined);

/** Terminals, as one client has them. */
export class TerminalStore {
  readonly #client: Client;
  readonly #views = new Map<string, TerminalView>();
  /** Terminals that are to be opened, not only attached to, by their tab. */
  readonly #fresh = new Map<string, NewTerminal>();
  readonly #searching = signal(false);

  constructor(client: Client) {
    this.#client = client;
  }

  /** Whether the field of the search is shown in the group that has the focus. */
  get searching(): ReadonlySignal<boolean> {
    return this.#searching;
  }

  /** What draws a tab. Made when it is first asked for. */
  view(tab: Tab): TerminalView {
    const known = this.#views.get(tab.id);
    if (known) return known;
    const made = new TerminalView({
      readOnly: tab.readOnly ?? false,
      attach: async request => {
        const fresh = this.#fresh.get(tab.id);
        if (fresh === undefined) {
          return this.#client.attachTerminal(tab.terminal, { ...request, readOnly: tab.readOnly ?? false });
        }
        // `reuse`: when the answer to a first try was lost, the terminal may be there already.
        const terminal = await this.#client.createTerminal({ ...fresh, ...request, id: tab.terminal, reuse: true });
        this.#fresh.delete(tab.id);
        return terminal;
      },
    });
    this.#views.set(tab.id, made);
    return made;
  }

  /** What is shown for a tab: the person's name for it, the title that its program set, or its number. */
  title(tab: Tab): string {
    return tab.name ?? (this.view(tab).title.value || `Terminal ${tab.number ?? 1}`);
  }

  /** Opens a new terminal in a new tab, or beside the one that has the focus. */
  open(options: NewTerminal = {}, split?: "row" | "column"): void {
    const tab: Tab = { id: newId(), terminal: `console-${newId()}`, number: freeNumber(layout.value) };
    this.#fresh.set(tab.id, options);
    this.#place(tab, split);
  }

  /** Opens a tab on a terminal that is there. */
  attach(terminal: string, readOnly = false): void {
    const open = tabsOf(layout.value).find(tab => tab.terminal === terminal && (tab.readOnly ?? false) === readOnly);
    if (open) this.select(open.id);
    else this.#place({ id: newId(), terminal, number: freeNumber(layout.value), ...(readOnly && { readOnly }) });
  }

  /** Asks for a directory, then opens a terminal there. */
  async openIn(): Promise<void> {
    const cwd = await prompt({
      title: "New terminal",
      label: "Directory",
      placeholder: "the workspace",
      action: "Open",
      text: "A relative one is taken from the workspace.",
    });
    if (cwd !== undefined) this.open(cwd.trim() === "" ? {} : { cwd: cwd.trim() });
  }

  /** Shows a tab. */
  show(id: string): void {
    layout.value = activate(layout.value, id);
  }

  /** Shows a tab, and gives it the keys. */
  select(id: string): void {
    this.show(id);
    this.focus();
  }

  /** Gives the keys to the tab that is seen. */
  focus(): void {
    // After it was drawn: its element may not stand in the page yet, and a dialog that is being closed still holds the focus.
    let frames = FOCUS_FRAMES;
    const give = () => {
      const tab = activeTab(layout.value);
      frames -= 1;
      if (frames > 0 && document.querySelector("dialog[open]")) requestAnimationFrame(give);
      else if (tab) this.view(tab).focus();
    };
    requestAnimationFrame(give);
  }

  /** To the tab, or the group, that is so many further on. */
  step(what: "tab" | "group", by: 1 | -1): void {
    const groups = groupsOf(layout.value.root);
    const at = groups.findIndex(group => group.id === layout.value.focused);
    const group = groups[Math.max(0, at)];
    if (group === undefined) return;
    if (what === "group") {
      const next = groups[(Math.max(0, at) + by + groups.length) % groups.length];
      if (next) this.select(next.active);
      return;
    }
    const from = group.tabs.findIndex(tab => tab.id === group.active);
    const next = group.tabs[(from + by + group.tabs.length) % group.tabs.length];
    if (next) this.select(next.id);
  }

  /** Asks for a name. An empty one gives the program's title back. */
  async rename(tab: Tab): Promise<void> {
    const name = await prompt({
      title: "Rename terminal",
      label: "Name",
      value: tab.name ?? "",
      placeholder: this.view(tab).title.value || `Terminal ${tab.number ?? 1}`,
      action: "Rename",
    });
    if (name === undefined) return;
    layout.value = changeTab(layout.value, tab.id, ({ name: _, ...rest }) => {
      return name.trim() === "" ? rest : { ...rest, name: name.trim() };
    });
    this.focus();
  }

  /** Ends the terminal of a tab, and closes that. Asks first when something runs in it. */
  async close(tab: Tab): Promise<void> {
    const view = this.view(tab);
    const status = view.status.value;
    if (tab.readOnly || status.is === "ended" || status.is === "failed") return this.detach(tab);
    const foreground = await foregroundOf(this.#client, tab.terminal);
    if (foreground.running) {
      const choice = await choose({
        title: "Close terminal?",
        text: `${foreground.name} is running in it and will be ended. Detached, it goes on without this page.`,
        action: "Close terminal",
        other: "Detach",
        danger: true,
      });
      if (choice === "other") return this.detach(tab, true);
      if (choice === "no") return;
    }
    try {
      await this.#client.closeTerminal(tab.terminal);
    } catch (error) {
      toastError("The terminal could not be closed", error);
      return;
    }
    this.detach(tab);
  }

  /** Puts a new terminal where one has ended. */
  replace(tab: Tab): void {
    this.#views.get(tab.id)?.dispose();
    this.#views.delete(tab.id);
    const number = tab.number ?? freeNumber(layout.value);
    const made: Tab = { id: newId(), terminal: `console-${newId()}`, number };
    this.#fresh.set(made.id, {});
    layout.value = replaceTab(layout.value, tab.id, made);
    this.focus();
  }

  /** Closes a tab and leaves its terminal running. */
  detach(tab: Tab, tell = false): void {
    layout.value = closeTab(layout.value, tab.id);
    this.#views.get(tab.id)?.dispose();
    this.#views.delete(tab.id);
    this.#fresh.delete(tab.id);
    if (tell) {
      toast("The terminal goes on without this page", {
        action: { title: "Attach again", run: () => this.attach(tab.terminal, tab.readOnly) },
      });
    }
    this.focus();
  }

  /** Asks the server for the titles of those that were not looked at yet: after a reload. */
  async readTitles(): Promise<void> {
    try {
      const known = new Map((await this.#client.listTerminals()).map(info => [info.id, info.title]));
      for (const tab of tabsOf(layout.value)) this.view(tab).hint(known.get(tab.terminal) ?? "");
    } catch {
      // They stand there by their numbers, then.
    }
  }

  /** Shows the field of the search, or takes it away. */
  search(on: boolean): void {
    this.#searching.value = on;
    if (on) return;
    // Also in those that were searched before the person came to this one.
    for (const view of this.#views.values()) if (view.found.peek() !== undefined) view.endSearch();
    const tab = activeTab(layout.value);
    if (tab) {
      this.view(tab).endSearch();
      this.focus();
    }
  }

  /** Detaches from all. */
  dispose(): void {
    for (const view of this.#views.values()) view.dispose();
    this.#views.clear();
  }

  #place(tab: Tab, split?: "row" | "column"): void {
    const beside = layout.value.focused;
    layout.value =
      split !== undefined && beside !== undefined
        ? splitWith(layout.value, beside, split, tab)
        : addTab(layout.value, tab);
    this.focus();
  }
}
