/** What `getSandbox` takes: ids and timeouts, and the rules they must keep. */

import { invalid } from "./errors.ts";
import type { SandboxOptions } from "./types.ts";

/** What `getSandbox` tells the object: only what changed. */
export type SandboxConfiguration = Pick<SandboxOptions, "sleepAfter" | "keepAlive" | "containerTimeouts" | "labels">;

/** Milliseconds that a sandbox has to start. */
export type ContainerTimeouts = Required<NonNullable<SandboxOptions["containerTimeouts"]>>;

/** Ids that would be taken for something else in a host name. */
const RESERVED = new Set(["www", "api", "admin", "root", "system", "cloudflare", "workers"]);

/** Default, environment variable, least and most of each timeout, in milliseconds. */
const TIMEOUTS = {
  instanceGetTimeoutMS: { value: 30_000, variable: "SANDBOX_INSTANCE_TIMEOUT_MS", min: 5000, max: 300_000 },
  portReadyTimeoutMS: { value: 90_000, variable: "SANDBOX_PORT_TIMEOUT_MS", min: 10_000, max: 600_000 },
  waitIntervalMS: { value: 300, variable: "SANDBOX_POLL_INTERVAL_MS", min: 100, max: 5000 },
} as const;

/**
 * The id under which a sandbox is kept.
 *
 * @throws SandboxError `VALIDATION_FAILED` unless it has 1 to 63 characters, no hyphen at an edge, nothing that cannot be
 * shown, and is not reserved.
 */
export function sandboxId(id: string, normalize = false): string {
  const name = normalize ? id.toLowerCase() : id;
  const wrong =
    name.length < 1 || name.length > 63
      ? "it must have 1 to 63 characters"
      : name.startsWith("-") || name.endsWith("-")
        ? "it may not begin or end with a hyphen"
        : /[\p{Cc}\p{Cs}]/u.test(name)
          ? "it has a character that cannot be shown"
          : RESERVED.has(name.toLowerCase())
            ? "this name is reserved"
            : undefined;
  if (wrong !== undefined) throw invalid("id", `${JSON.stringify(id)} is no id for a sandbox: ${wrong}`);
  return name;
}

/** The session in which a sandbox runs what names none: ids of sessions have fewer characters. */
export const defaultSession = (name: string): string => `sandbox-${name.replace(/[^A-Za-z0-9._-]/g, "_")}`;

/** The timeouts in force: what was said, else the environment's, else the defaults. */
export function timeouts(said: SandboxOptions["containerTimeouts"], env: unknown): ContainerTimeouts {
  const variables = (env ?? {}) as Readonly<Record<string, unknown>>;
  const one = (name: keyof typeof TIMEOUTS): number => {
    const { value, variable, min, max } = TIMEOUTS[name];
    const given = said?.[name] ?? Number(variables[variable] ?? Number.NaN);
    return given >= min && given <= max ? given : value;
  };
  return {
    instanceGetTimeoutMS: one("instanceGetTimeoutMS"),
    portReadyTimeoutMS: one("portReadyTimeoutMS"),
    waitIntervalMS: one("waitIntervalMS"),
  };
}

/**
 * Checks what was said of timeouts.
 *
 * @throws SandboxError `VALIDATION_FAILED` when one is out of its range.
 */
export function checkTimeouts(said: NonNullable<SandboxOptions["containerTimeouts"]>): void {
  for (const [name, { min, max }] of Object.entries(TIMEOUTS)) {
    const value = said[name as keyof typeof TIMEOUTS];
    if (value === undefined || (value >= min && value <= max)) continue;
    throw invalid(name, `${name} is ${value}: it must be ${min} to ${max} milliseconds`);
  }
}

/**
 * Checks names of variables.
 *
 * @throws SandboxError `VALIDATION_FAILED` when no shell takes one.
 */
export function checkVariables(variables: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(variables)) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    throw invalid(name, `${JSON.stringify(name)} is no name of a variable: it takes A-Z a-z 0-9 _, no digit first`);
  }
}

/**
 * Refuses what old interfaces of `exec` took: left out in silence it would run something else, or wait for ever.
 *
 * @throws SandboxError `VALIDATION_FAILED` for a list of arguments, and for `background`.
 */
export function checkCommandOptions(options: object): void {
  if (Array.isArray(options)) {
    throw invalid(
      "command",
      'a command is one line for the shell, as "bun run server.js": there is no list of arguments',
    );
  }
  if ("background" in options && options.background) {
    throw invalid(
      "background",
      "exec waits for the command's end: startProcess(command) starts one that goes on by itself",
    );
  }
}

/**
 * Checks a duration.
 *
 * @throws SandboxError `VALIDATION_FAILED` when it is neither a number of seconds nor like `30s`, `10m`, `1h`, `2d`.
 */
export function checkDuration(sleepAfter: string | number): void {
  const right = typeof sleepAfter === "number" ? sleepAfter > 0 : /^[1-9]\d*[smhd]$/.test(sleepAfter);
  if (right) return;
  throw invalid("sleepAfter", `sleepAfter is ${JSON.stringify(sleepAfter)}: say seconds, or a text as 30s, 10m, 1h`);
}

/** A duration that was checked, in units that containers know: they know no days. */
export const durationOf = (sleepAfter: string | number): string | number =>
  typeof sleepAfter === "string" && sleepAfter.endsWith("d") ? `${Number.parseInt(sleepAfter, 10) * 24}h` : sleepAfter;

/** Seconds of a duration that was checked. */
export function seconds(sleepAfter: string | number): number {
  if (typeof sleepAfter === "number") return sleepAfter;
  const unit = { s: 1, m: 60, h: 3600 }[sleepAfter.slice(-1)] ?? 1;
  return Number.parseInt(sleepAfter, 10) * unit;
}
