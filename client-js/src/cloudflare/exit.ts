/** How something ended, as one number: a shell's `$?`. */

import type { Exit } from "../kinds/command.ts";

/** Linux numbers its signals so on every machine that we run on. */
const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/**
 * The exit code; of what a signal ended 128 and the signal's number, which is what a shell has in `$?` and the stock package
 * says. `undefined` when neither is known: then nobody knows how it ended, and no number is made up.
 */
export function exitCodeOf({ exitCode, signal }: Pick<Exit, "exitCode" | "signal">): number | undefined {
  if (exitCode !== null) return exitCode;
  const number = signalNumber(signal);
  return number === undefined ? undefined : 128 + number;
}

/** The number of a signal by its name. */
export function signalNumber(name: string | null): number | undefined {
  if (name === null) return undefined;
  const realtime = /^SIGRTMIN(?:\+(\d+))?$/.exec(name);
  return SIGNALS[name] ?? (realtime ? 34 + Number(realtime[1] ?? 0) : undefined);
}
