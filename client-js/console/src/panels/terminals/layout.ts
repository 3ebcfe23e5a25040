/** Where terminals stand: a tree of splits whose leaves are groups of tabs. Only values; nothing here draws. */

/** A tab: one view of a terminal of the sandbox. */
export interface Tab {
  /** Unique in this browser tab. */
  readonly id: string;
  /** The terminal's id at the server. */
  readonly terminal: string;
  /** Tells it from the others while nothing gives it a title. */
  readonly number?: number;
  /** What the person calls it; else its title is shown. */
  readonly name?: string;
  /** Whether it only looks. */
  readonly readOnly?: boolean;
}

/** Tabs of which one is seen. Never empty. */
export interface Group {
  readonly kind: "group";
  readonly id: string;
  readonly tabs: readonly Tab[];
  /** The id of the tab that is seen. */
  readonly active: string;
}

/** Two parts, side by side (`row`) or one above the other (`column`). */
export interface Split {
  readonly kind: "split";
  readonly id: string;
  readonly direction: "row" | "column";
  /** Part of the first, 0 to 1. */
  readonly ratio: number;
  readonly first: Node;
  readonly second: Node;
}

/** A part of the layout. */
export type Node = Group | Split;

/** All of it. */
export interface Layout {
  /** Absent when no terminal is open. */
  readonly root?: Node;
  /** The group that new tabs go to and that keys act on. */
  readonly focused?: string;
}

/** The groups, from the left and the top. */
export function groupsOf(node: Node | undefined): Group[] {
  if (node === undefined) return [];
  return node.kind === "group" ? [node] : [...groupsOf(node.first), ...groupsOf(node.second)];
}

/** The tabs of all groups. */
export function tabsOf(layout: Layout): Tab[] {
  return groupsOf(layout.root).flatMap(group => group.tabs);
}

/** The group that has the focus, or the first. */
export function focusedGroup(layout: Layout): Group | undefined {
  const groups = groupsOf(layout.root);
  return groups.find(group => group.id === layout.focused) ?? groups[0];
}

/** The tab that is seen in the group that has the focus. */
export function activeTab(layout: Layout): Tab | undefined {
  const group = focusedGroup(layout);
  return group?.tabs.find(tab => tab.id === group.active);
}

/** Adds a tab to the group that has the focus, and shows it. */
export function addTab(layout: Layout, tab: Tab): Layout {
  const group = focusedGroup(layout);
  if (group === undefined) {
    const made = groupOf(tab);
    return { root: made, focused: made.id };
  }
  return {
    ...mapGroup(layout, group.id, old => ({ ...old, tabs: [...old.tabs, tab], active: tab.id })),
    focused: group.id,
  };
}

/** Puts a tab in a new group beside the group `beside`. A tab that stood elsewhere is moved. */
export function splitWith(
  layout: Layout,
  beside: string,
  direction: "row" | "column",
  tab: Tab,
  before = false,
): Layout {
  const group = groupsOf(layout.root).find(candidate => candidate.id === beside);
  // Alone in its group there is nothing to split it from.
  if (group === undefined || (group.tabs.length === 1 && group.tabs[0]?.id === tab.id)) return layout;
  const without = closeTab(layout, tab.id);
  const made = groupOf(tab);
  const root = mapNode(without.root, beside, old => ({
    kind: "split",
    id: newId(),
    direction,
    ratio: 0.5,
    first: before ? made : old,
    second: before ? old : made,
  }));
  return root === undefined ? layout : { root, focused: made.id };
}

/** Moves a tab to a group, in front of its tab number `index` (its length: to the end), and shows it there. */
export function moveTab(layout: Layout, id: string, group: string, index: number): Layout {
  const tab = tabsOf(layout).find(candidate => candidate.id === id);
  const target = groupsOf(layout.root).find(candidate => candidate.id === group);
  if (tab === undefined || target === undefined) return layout;
  const from = target.tabs.findIndex(candidate => candidate.id === id);
  const at = from >= 0 && from < index ? index - 1 : index;
  const insert = (tabs: readonly Tab[]) => [...tabs.slice(0, at), tab, ...tabs.slice(at)];
  if (from >= 0) {
    const rest = target.tabs.filter(candidate => candidate.id !== id);
    return { ...mapGroup(layout, group, old => ({ ...old, tabs: insert(rest), active: id })), focused: group };
  }
  return {
    ...mapGroup(closeTab(layout, id), group, old => ({ ...old, tabs: insert(old.tabs), active: id })),
    focused: group,
  };
}

/** Takes a tab away; a group that it leaves empty goes, too, and its neighbour gets the room. */
export function closeTab(layout: Layout, id: string): Layout {
  const root = layout.root && without(layout.root, id);
  if (root === undefined) return {};
  const groups = groupsOf(root);
  const focused = groups.some(group => group.id === layout.focused) ? layout.focused : groups[0]?.id;
  return { root, ...(focused !== undefined && { focused }) };
}

/** Shows a tab and gives its group the focus. */
export function activate(layout: Layout, id: string): Layout {
  const group = groupsOf(layout.root).find(candidate => candidate.tabs.some(tab => tab.id === id));
  if (group === undefined || (group.active === id && layout.focused === group.id)) return layout;
  return { ...mapGroup(layout, group.id, old => ({ ...old, active: id })), focused: group.id };
}

/** Changes a tab. */
export function changeTab(layout: Layout, id: string, change: (tab: Tab) => Tab): Layout {
  const group = groupsOf(layout.root).find(candidate => candidate.tabs.some(tab => tab.id === id));
  if (group === undefined) return layout;
  return mapGroup(layout, group.id, old => ({
    ...old,
    tabs: old.tabs.map(tab => (tab.id === id ? change(tab) : tab)),
  }));
}

/** Puts another tab in the place of one. */
export function replaceTab(layout: Layout, id: string, tab: Tab): Layout {
  const group = groupsOf(layout.root).find(candidate => candidate.tabs.some(old => old.id === id));
  if (group === undefined) return layout;
  return mapGroup(layout, group.id, old => ({
    ...old,
    tabs: old.tabs.map(candidate => (candidate.id === id ? tab : candidate)),
    active: old.active === id ? tab.id : old.active,
  }));
}

/** Moves the line of a split. */
export function setRatio(layout: Layout, split: string, ratio: number): Layout {
  const root = mapNode(layout.root, split, node => (node.kind === "split" ? { ...node, ratio } : node));
  return root === undefined ? layout : { ...layout, root };
}

/** Whether a stored value is a layout: what another version of the page has left behind may be anything. */
export function isLayout(value: unknown): value is Layout {
  if (!isObject(value)) return false;
  return value.root === undefined || isNode(value.root);
}

/** The smallest number that no tab has. */
export function freeNumber(layout: Layout): number {
  const taken = new Set(tabsOf(layout).map(tab => tab.number));
  let number = 1;
  while (taken.has(number)) number += 1;
  return number;
}

/** A name that nothing else has. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(4)), byte => byte.toString(16).padStart(2, "0")).join("");
}

function groupOf(tab: Tab): Group {
  return { kind: "group", id: newId(), tabs: [tab], active: tab.id };
}

function without(node: Node, id: string): Node | undefined {
  if (node.kind === "split") {
    const first = without(node.first, id);
    const second = without(node.second, id);
    if (first === undefined) return second;
    if (second === undefined) return first;
    return first === node.first && second === node.second ? node : { ...node, first, second };
  }
  const at = node.tabs.findIndex(tab => tab.id === id);
  if (at < 0) return node;
  const tabs = node.tabs.filter(tab => tab.id !== id);
  const next = tabs[Math.min(at, tabs.length - 1)];
  if (next === undefined) return undefined;
  return { ...node, tabs, active: node.active === id ? next.id : node.active };
}

function mapGroup(layout: Layout, id: string, change: (group: Group) => Group): Layout {
  const root = mapNode(layout.root, id, node => (node.kind === "group" ? change(node) : node));
  return root === undefined ? layout : { ...layout, root };
}

function mapNode(node: Node | undefined, id: string, change: (node: Node) => Node): Node | undefined {
  if (node === undefined) return undefined;
  if (node.id === id) return change(node);
  if (node.kind === "group") return node;
  const first = mapNode(node.first, id, change) ?? node.first;
  const second = mapNode(node.second, id, change) ?? node.second;
  return first === node.first && second === node.second ? node : { ...node, first, second };
}

/** What may stand in a stored layout. */
type Stored = { readonly [Field in keyof Layout | keyof Split | keyof Group | keyof Tab]?: unknown };

function isObject(value: unknown): value is Stored {
  return typeof value === "object" && value !== null;
}

function isNode(value: unknown): boolean {
  if (!isObject(value) || typeof value.id !== "string") return false;
  if (value.kind === "split") {
    const { direction, ratio } = value;
    const known = direction === "row" || direction === "column";
    return known && typeof ratio === "number" && ratio > 0 && ratio < 1 && isNode(value.first) && isNode(value.second);
  }
  const tabs = value.tabs;
  if (value.kind !== "group" || !Array.isArray(tabs)) return false;
  return tabs.every(isTab) && tabs.some(tab => tab.id === value.active);
}

function isTab(value: unknown): value is Tab {
  return isObject(value) && typeof value.id === "string" && typeof value.terminal === "string";
}
