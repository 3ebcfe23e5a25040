/** The panels: one row each. A panel's code is loaded when it is first shown. */

import type { ComponentType } from "preact";
import type { IconName } from "../ui/icon.tsx";
import type { Client } from "./client.ts";

/** What a panel is given. It stays mounted while another panel is shown. */
export interface PanelProps {
  /** The client. When there is another one, the panel is mounted anew. */
  readonly client: Client;
  /** Whether it is the panel that is shown: poll and take keys only then. */
  readonly active: boolean;
  /** What stands behind the panel's name in the address. */
  readonly path: readonly string[];
}

/** A panel. */
export interface PanelEntry {
  readonly id: string;
  readonly title: string;
  readonly icon: IconName;
  load(): Promise<{ default: ComponentType<PanelProps> }>;
}

/** All panels, in the order of the rail. */
export const panels: readonly PanelEntry[] = [
  { id: "terminals", title: "Terminals", icon: "terminal", load: () => import("../panels/terminals/index.tsx") },
  { id: "files", title: "Files", icon: "files", load: () => import("../panels/files/index.tsx") },
  { id: "notebooks", title: "Notebooks", icon: "notebooks", load: () => import("../panels/notebooks/index.tsx") },
  { id: "processes", title: "Processes", icon: "processes", load: () => import("../panels/processes/index.tsx") },
  { id: "commands", title: "Commands", icon: "commands", load: () => import("../panels/commands/index.tsx") },
  { id: "sessions", title: "Sessions", icon: "sessions", load: () => import("../panels/sessions/index.tsx") },
  { id: "ports", title: "Ports", icon: "ports", load: () => import("../panels/ports/index.tsx") },
  { id: "metrics", title: "Metrics", icon: "metrics", load: () => import("../panels/metrics/index.tsx") },
];
