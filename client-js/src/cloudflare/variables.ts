/** Variables of a sandbox: those of the class, those that were set over them, and those that are its server's own. */

import type { Sandbox } from "../client.ts";
import { attempt, invalid } from "./errors.ts";
import { checkVariables } from "./options.ts";
import type { Settings } from "./settings.ts";

/** Variables as they are kept: `null` takes one away. */
export type Variables = Readonly<Record<string, string | null>>;

/** Those that would move the server away from where it is looked for. */
const MOVES_SERVER = new Set([
  "SANDWIRE_CONFIG",
  "SANDWIRE_ID",
  "SANDWIRE_LISTEN",
  "SANDWIRE_TLS_CERT",
  "SANDWIRE_TLS_KEY",
  "SANDWIRE_URL",
]);

/**
 * What is said of the variables of a whole sandbox, as it is kept.
 *
 * @throws SandboxError `VALIDATION_FAILED` when no shell takes a name, or it is one of the server's settings: `SANDWIRE_…`.
 */
export function sandboxVariables(envVars: Readonly<Record<string, string | undefined>>): Variables {
  const changes = changesOf(envVars);
  const name = Object.keys(changes).find(one => one.startsWith("SANDWIRE_"));
  if (name === undefined) return changes;
  throw invalid(name, `${name} is a setting of the sandbox's server: only the class can set it, in its envVars`);
}

/**
 * What is said of variables, as it is kept.
 *
 * @throws SandboxError `VALIDATION_FAILED` when no shell takes a name.
 */
export function changesOf(envVars: Readonly<Record<string, string | undefined>>): Variables {
  checkVariables(envVars);
  return Object.fromEntries(Object.entries(envVars).map(([name, value]) => [name, value ?? null]));
}

/**
 * Checks the variables of a class, which may set what its server does, but not where it is.
 *
 * @throws SandboxError `VALIDATION_FAILED`.
 */
export function checkOwnVariables(envVars: Readonly<Record<string, string>>): void {
  const name = Object.keys(envVars).find(one => MOVES_SERVER.has(one));
  if (name === undefined) return;
  throw invalid(name, `envVars of the class set ${name}: its server could not be reached any more`);
}

/** What a container gets at its start. */
export function startVariables(own: Variables, set: Variables, token: string): Record<string, string> {
  const all: Variables = { ...own, ...set, SANDWIRE_TOKEN: token };
  return Object.fromEntries(Object.entries(all).filter((one): one is [string, string] => one[1] !== null));
}

/** Tells a sandbox that runs of variables. When that fails nobody knows whether it has them: then it is told all of them again. */
export async function tellVariables(client: Sandbox, settings: Settings, changes: Variables): Promise<void> {
  try {
    await attempt({}, () => client.setEnvVars(changes));
  } catch (error) {
    settings.set({ told: undefined });
    throw error;
  }
}
