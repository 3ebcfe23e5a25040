/** Commands: `exec` and `execStream`. */

import type { Sandbox } from "../client.ts";
import type { Exit } from "../kinds/command.ts";
import type { CommandOptions, ExecEvent as CoreEvent, ExecResult as CoreResult } from "../kinds/exec.ts";
import type { Context } from "./context.ts";
import { aborted, attempt, createError, invalid, type SandboxError, sandboxError } from "./errors.ts";
import { exitCodeOf } from "./exit.ts";
import { checkCommandOptions } from "./options.ts";
import { encodingOf, MAX_ERROR_OUTPUT, MAX_OUTPUT, Pieces, resultOf, type TextEncoding, textOf } from "./output.ts";
import { absolute, inSession, sessionOf, stateOf } from "./session.ts";
import { eventStream } from "./stream.ts";
import type { BaseExecOptions, ExecEvent, ExecOptions, ExecResult, StreamOptions } from "./types.ts";

/** What `execStream` takes beyond the stock package. */
export interface ForegroundOptions extends StreamOptions {
  /**
   * Run in the session's own shell, as `exec` does: what it does to directory and variables lasts, and other commands of the
   * session wait. Default: false, it begins with the session's directory and variables, and runs beside it.
   */
  foreground?: boolean;
}

/**
 * Runs a command to its end, in the shell of the context's session when it has one: directory and variables last; those of
 * the options hold for this command alone.
 *
 * At most 10 MiB of output are kept; `truncated` tells of more.
 *
 * @throws CommandError when its time was over: it was ended, with all that it started, and what it had written is in
 * `context`. SessionTerminatedError when the session's shell ended with it. OperationInterruptedError when nobody knows how
 * it ended. An error named `AbortError` by the signal, which ends it.
 */
export async function exec(context: Context, command: string, options: ExecOptions = {}): Promise<ExecResult> {
  try {
    const result = await attempt({ operation: "command.execute", command, cwd: options.cwd }, () =>
      run(context, command, options),
    );
    options.onComplete?.(result);
    return result;
  } catch (error) {
    if (error instanceof Error) options.onError?.(error);
    throw error;
  }
}

async function run(context: Context, command: string, options: ExecOptions): Promise<ExecResult> {
  const { session } = context;
  const { timeout, signal, stream, onOutput } = options;
  const timestamp = new Date().toISOString();
  const encoding = checked(command, options);
  if (signal?.aborted) throw aborted(signal.reason);
  const client = await context.client();
  const pieces = { stdout: new Pieces(encoding), stderr: new Pieces(encoding) };
  const tell = (name: "stdout" | "stderr", text: string) => {
    if (text !== "") onOutput?.(name, text);
  };
  const how = {
    ...(await launch(context, client, session, options)),
    timeout,
    signal,
    encoding: "bytes" as const,
    maxOutput: MAX_OUTPUT,
    ...(stream &&
      onOutput && {
        onOutput: (name: "stdout" | "stderr", data: Uint8Array) => tell(name, pieces[name].next(data)),
      }),
  };
  const result = await inSession(context, client, session, () => client.exec<"bytes">(command, how));
  if (stream) for (const name of ["stdout", "stderr"] as const) tell(name, pieces[name].end());
  if (result.timedOut) throw late(command, timeout, result, encoding);
  if (result.shellEnded && session !== undefined) {
    await renew(client, session);
    throw shellEnded(session, result);
  }
  const exitCode = known(command, result);
  return {
    success: result.success,
    exitCode,
    stdout: resultOf(result.stdout, encoding),
    stderr: resultOf(result.stderr, encoding),
    command,
    duration: Math.round(result.duration),
    timestamp,
    ...(session !== undefined && { sessionId: session }),
    ...(result.signal !== null && { signal: result.signal }),
    ...(result.truncated && { truncated: true as const }),
  };
}

/**
 * Runs a command and tells what it does as server-sent events, each an `ExecEvent`. Resolves when it runs. Who does not read
 * stops the command at its next write; who cancels the stream ends the command with its whole tree.
 *
 * The last event is `complete`, or `error` with the reason for which there is none.
 *
 * @throws what `exec` throws before the command runs.
 */
export async function execStream(
  context: Context,
  command: string,
  options: ForegroundOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  const what = { operation: "command.stream", command, cwd: options.cwd } as const;
  return attempt(what, async () => {
    const { timeout, signal, bufferSize } = options;
    const session = sessionOf(context, options);
    const encoding = checked(command, options);
    if (signal?.aborted) throw aborted(signal.reason);
    const client = await context.client();
    const how = {
      ...(options.foreground || session === undefined
        ? await launch(context, client, session, options)
        : await beside(context, client, session, options)),
      timeout,
      signal,
      encoding: "bytes" as const,
    };
    const start = async () => {
      const events = client.execStream<"bytes">(command, how);
      const { value } = await events.next();
      return { events, first: value as CoreEvent<"bytes"> | undefined };
    };
    const { events, first } = await inSession(context, client, session, start);
    const told = tell(events, first, { command, timeout, session, encoding });
    return eventStream(
      {
        next: async () => (await told.next()).value ?? undefined,
        cancel: async () => void (await events.return()),
      },
      bufferSize,
    );
  });
}

interface Told {
  readonly command: string;
  readonly timeout: number | undefined;
  readonly session: string | undefined;
  readonly encoding: TextEncoding;
}

async function* tell(
  events: AsyncIterable<CoreEvent<"bytes">>,
  first: CoreEvent<"bytes"> | undefined,
  { command, timeout, session, encoding }: Told,
): AsyncGenerator<ExecEvent, void> {
  const pieces = { stdout: new Pieces(encoding), stderr: new Pieces(encoding) };
  const sessionId = session === undefined ? {} : { sessionId: session };
  const now = () => ({ timestamp: new Date().toISOString(), ...sessionId });
  try {
    if (first?.type === "start") yield { type: "start", ...now(), command, pid: first.pid };
    for await (const event of events) {
      if (event.type === "stdout" || event.type === "stderr") {
        const data = pieces[event.type].next(event.data);
        if (data !== "") yield { type: event.type, ...now(), data };
      } else if (event.type === "exit") {
        for (const name of ["stdout", "stderr"] as const) {
          const data = pieces[name].end();
          if (data !== "") yield { type: name, ...now(), data };
        }
        if (event.timedOut) throw late(command, timeout, event);
        if (event.shellEnded && session !== undefined) throw shellEnded(session, event);
        const exitCode = known(command, event);
        const signal = event.signal === null ? {} : { signal: event.signal };
        yield { type: "complete", ...now(), command, exitCode, ...signal };
        return;
      }
    }
    throw createError("OPERATION_INTERRUPTED", "the command did not say how it ended", interruption());
  } catch (error) {
    const { code, message, context } = sandboxError(error, { operation: "command.stream", command });
    const { exitCode } = context as { readonly exitCode?: number | null };
    // The code and the context are ours: they say to a program what the text says to people.
    const ours = { code, context };
    const ended = typeof exitCode === "number" ? { exitCode } : {};
    yield { type: "error", ...now(), command, error: message, data: message, ...ended, ...ours };
  }
}

/** What the options say of how to run it; what they do not say is the session's, or the context's. */
async function launch(
  context: Context,
  client: Sandbox,
  session: string | undefined,
  { cwd, env }: BaseExecOptions,
): Promise<CommandOptions<"bytes">> {
  if (session !== undefined) return { session, cwd, env: given(env) };
  return {
    cwd: cwd === undefined ? context.cwd : await absolute(context, client, session, cwd),
    env: given(env),
  };
}

/** The same, for what runs beside the session's shell, with its directory and its variables. */
async function beside(
  context: Context,
  client: Sandbox,
  session: string,
  { cwd, env }: BaseExecOptions,
): Promise<CommandOptions<"bytes">> {
  const state = await stateOf(context, client, session);
  return {
    cwd: cwd === undefined ? state.cwd : cwd.startsWith("/") ? cwd : `${state.cwd}/${cwd}`,
    env: { ...state.env, ...given(env) },
    clearEnv: true,
  };
}

/** Variables that have a value: others are left as they are. */
export const given = (env: BaseExecOptions["env"]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== null),
  );

/** @throws ValidationFailedError when it is no command, or an option cannot be. */
function checked(command: string, options: BaseExecOptions): TextEncoding {
  const { timeout, encoding } = options;
  checkCommandOptions(options);
  if (typeof command !== "string" || command.trim() === "") throw invalid("command", "the command is empty");
  if (command.includes("\0")) throw invalid("command", "the command has a NUL in it, which no shell takes");
  if (timeout !== undefined && !(timeout > 0))
    throw invalid("timeout", `timeout is ${timeout}: give milliseconds above 0`);
  return encodingOf(encoding);
}

/** The exit code. @throws OperationInterruptedError when nobody knows it: none is made up. */
export function known(command: string, exit: Pick<Exit, "exitCode" | "signal">): number {
  const exitCode = exitCodeOf(exit);
  if (exitCode !== undefined) return exitCode;
  throw createError("OPERATION_INTERRUPTED", `nobody knows how ${JSON.stringify(command)} ended`, interruption());
}

const interruption = () => ({
  reason: "runtime_replaced",
  operation: "command.execute",
  phase: "running",
  admitted: true,
  retryable: false,
});

function late(
  command: string,
  timeout: number | undefined,
  ended: Exit & Partial<Pick<CoreResult<"bytes">, "stdout" | "stderr">>,
  encoding: TextEncoding = "utf8",
): SandboxError {
  const { stdout, stderr } = ended;
  const part = (bytes: Uint8Array) => textOf(bytes.subarray(0, MAX_ERROR_OUTPUT), encoding);
  const after = timeout === undefined ? "" : ` after ${timeout}ms`;
  return createError(
    "COMMAND_EXECUTION_ERROR",
    `Command timed out${after} (timeout): it was ended, with all that it started`,
    {
      command,
      ...(timeout !== undefined && { timeout }),
      timedOut: true,
      ...(ended.exitCode !== null && { exitCode: ended.exitCode }),
      ...(ended.signal !== null && { signal: ended.signal }),
      ...(stdout && { stdout: part(stdout) }),
      ...(stderr && { stderr: part(stderr) }),
    },
    { operation: "command.execute", suggestion: "Give it more time, or start it as a background process" },
  );
}

const shellEnded = (sessionId: string, { exitCode }: Exit): SandboxError =>
  createError("SESSION_TERMINATED", `the shell of the session ${sessionId} ended with this command`, {
    sessionId,
    exitCode,
  });

/** Who ended the shell was told: the next command gets a fresh one, and is not told again. */
async function renew(client: Sandbox, session: string): Promise<void> {
  await client.exec(":", { session, renew: true }).catch(() => {});
}
