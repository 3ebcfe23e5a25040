/** Code contexts: kernels that keep what code leaves in them. */

import type { CallOptions, Path } from "../call.ts";
import { fromWire } from "../call.ts";
import { type Env, type Exit, exitOf, type WireExit } from "../command.ts";

/** A context by its id, or as it was told. */
export type ContextChoice = string | { readonly id: string };

/** How to make a code context. */
export interface CreateCodeContextOptions {
  /** Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated. */
  readonly id?: string | undefined;
  /** The language: `python`, `javascript`, `typescript`, or that of any kernel that is installed. Default: that of `spec`, else `python`. */
  readonly language?: string | undefined;
  /** The kernel by its name, as `listKernelSpecs` says it. Default: one of the language. */
  readonly spec?: string | undefined;
  /** Its directory. Default: the server's workspace. */
  readonly cwd?: Path | undefined;
  /** Variables over the sandbox's; `null` removes one. */
  readonly env?: Env | undefined;
  /** Start from an empty environment. Default: false. */
  readonly clearEnv?: boolean | undefined;
  /** Milliseconds that code has which says no `timeout`. Default: none. */
  readonly timeout?: number | undefined;
  /** Take one of that id that is there already, as it is. Default: false, that is a `KernelExistsError`. */
  readonly reuse?: boolean | undefined;
  /** Gives up. */
  readonly signal?: CallOptions["signal"];
}

/** How to end a code context. */
export interface DeleteCodeContextOptions extends CallOptions {
  /** Milliseconds that the kernel has to end by itself before it is killed. Default: 2000. */
  readonly grace?: number | undefined;
}

/** A code context, as it was when the server was asked. */
export interface CodeContext {
  /** Its id. */
  readonly id: string;
  /** The kernel's name. */
  readonly spec: string;
  /** Its language. */
  readonly language: string;
  /** Its kernel starts; it waits for code; code runs in it; its kernel has ended. */
  readonly state: "starting" | "idle" | "busy" | "dead";
  /** Process id of the kernel, while it lives. */
  readonly pid?: number;
  /** The directory in which its kernel begins. */
  readonly cwd?: string;
  /** When it was made. */
  readonly createdAt: Date;
  /** When code last began or ended in it. */
  readonly usedAt: Date;
  /** The number that its kernel gave to the last code that ran in it. */
  readonly executionCount: number;
  /** Calls of `runCode` that wait for their turn. */
  readonly queued: number;
  /** How its kernel ended, when nobody was told that yet. */
  readonly exit?: Exit;
}

/** A kernel that is installed. */
export interface KernelSpec {
  /** Its name, for `spec`. */
  readonly name: string;
  /** Its name for people. */
  readonly displayName: string;
  /** Its language. */
  readonly language: string;
}

/** `kernel.Info` on the wire. */
export interface WireContext {
  readonly exit?: WireExit;
}

/** Reads what a context is. */
export const contextOf = ({ exit, ...info }: WireContext): CodeContext => ({
  ...fromWire<Omit<CodeContext, "exit">>(info),
  ...(exit && { exit: exitOf(exit) }),
});

/** The id of a context. */
export const idOf = (context: ContextChoice): string => (typeof context === "string" ? context : context.id);
