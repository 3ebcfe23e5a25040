/** How processes were started from this browser, so that they can be started again in the same way. */

import type { Signal } from "@preact/signals";
import { remembered } from "../../app/settings.ts";

/** What a person said about a process to start. */
export interface Launch {
  readonly id: string;
  readonly command: string;
  readonly cwd: string;
  /** Lines `NAME=value`. */
  readonly env: string;
  readonly restart: "never" | "on-failure" | "always";
}

/** Launches that are remembered. */
const MOST = 50;

/** Nothing said yet. */
export const EMPTY_LAUNCH: Launch = { id: "", command: "", cwd: "", env: "", restart: "never" };

const known: Signal<readonly Launch[]> = remembered("launches", [], isLaunches);

/** Remembers how a process was started. */
export function rememberLaunch(launch: Launch): void {
  known.value = [launch, ...known.value.filter(other => other.id !== launch.id)].slice(0, MOST);
}

/** How the process with this id and command was started, when that was here. */
export function launchOf(id: string, command: string): Launch | undefined {
  return known.value.find(launch => launch.id === id && launch.command === command);
}

function isLaunches(value: unknown): value is readonly Launch[] {
  return Array.isArray(value) && value.every(isLaunch);
}

function isLaunch(value: unknown): value is Launch {
  const fields = value as Partial<Record<keyof Launch, unknown>> | null;
  return (
    typeof fields === "object" &&
    fields !== null &&
    (["id", "command", "cwd", "env", "restart"] as const).every(name => typeof fields[name] === "string")
  );
}
