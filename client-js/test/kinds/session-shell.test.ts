/** What breaks a session that is made carelessly, directly and over a connection that is cut again and again. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Sandbox, type Session, SessionTerminatedError } from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { failure } from "./served.ts";

let server: Server;
let proxy: CuttingProxy;
const clients: Record<string, Sandbox> = {};

beforeAll(async () => {
  server = await Server.start();
  proxy = await CuttingProxy.start(server.address);
  await proxy.cutRandomly(5, 500, 8_000);
  clients["directly"] = await connect(server.url);
  clients["over a connection that is cut"] = await connect(proxy.url);
});

afterAll(async () => {
  await proxy.keepWhole();
  await Promise.all(Object.values(clients).map(client => client.close()));
  await proxy.stop();
  await server.stop();
});

/** A command, its exit code, what it writes to standard output, and what a later command undoes of it. */
const ENDS: readonly (readonly [command: string, exitCode: number, stdout: string, undo?: string])[] = [
  ["exit 3", 3, ""],
  ["echo before; exit", 0, "before\n"],
  ["g() { exit 4; echo no; }; g", 4, ""],
  ["set -e; false; echo no", 1, ""],
  ["set +e; set -u; echo $undefined; echo no", 1, ""],
  ["if; then", 2, ""],
  ["echo 'unbalanced", 2, ""],
  ["no-such-command", 127, ""],
  ["cat <<'END'\nit's \"a\" $heredoc\nEND", 0, 'it\'s "a" $heredoc\n'],
  ["cat; read line; echo $?", 0, "1\n"],
  ["exec >&-", 0, ""],
  ["printf 'no newline'", 0, "no newline"],
  ["printf 'a\\0b\\377' | od -An -tx1", 0, " 61 00 62 ff\n"],
  ["PS1='$(exit 9)'; IFS=,; trap 'echo dbg >&2' DEBUG; true", 0, "", "trap - DEBUG; unset IFS"],
  ["trap 'echo dbg' DEBUG; trap 'echo err' ERR; f", 0, "dbg\ndbg\nf\n", "trap - DEBUG ERR"],
  ["trap 'echo bye' EXIT; f", 0, "f\n", "trap - EXIT"],
  ["mkdir $T/gone; cd $T/gone; rmdir $T/gone", 0, "", "cd $OLD"],
  ["sh -c 'kill -9 $$'", 137, ""],
  ["sleep 1000 & disown; echo at once", 0, "at once\n"],
];

describe.each(["directly", "over a connection that is cut"])("a session, %s", how => {
  const session = async (): Promise<Session> => (clients[how] as Sandbox).createSession();

  it("keeps directory, variables, functions, aliases, options and umask, however its commands end", async () => {
    const shell = await session();
    await shell.exec("cd /usr; export A=1; L=local; f() { echo f; }; alias ll='echo ll'; umask 077; shopt -s nullglob");
    await shell.exec("T=$(mktemp -d); OLD=$PWD");
    for (const [command, exitCode, stdout, undo] of ENDS) {
      const result = await shell.exec(command);
      // Which of the two says the version of bash.
      const code = command.includes("$undefined") && result.exitCode === 127 ? 1 : result.exitCode;
      expect([code, result.stdout, result.shellEnded], command).toEqual([exitCode, stdout, false]);
      if (undo !== undefined) expect((await shell.exec(undo)).success, undo).toBe(true);
      await shell.exec("set +eu");
      const state = "pwd; echo $A $L; f; ll; umask; shopt -q nullglob && echo ng; env | grep ^A=";
      expect((await shell.exec(state)).stdout, `after ${command}`).toBe("/usr\n1 local\nf\nll\n0077\nng\nA=1\n");
    }
    await shell.exec('pkill -P $$ -x sleep; rm -r "$T"');
    await shell.delete();
  });

  it("is there by itself, as the default one", async () => {
    const sandbox = clients[how] as Sandbox;
    await sandbox.exec("cd /usr; D=default", { session: "default" });
    expect((await sandbox.getSession("default").exec("pwd; echo $D")).stdout).toBe("/usr\ndefault\n");
    expect((await sandbox.listSessions()).map(({ id }) => id)).toContain("default");
    expect((await sandbox.exec("pwd; echo $D")).stdout).toBe(`${server.workspace}\n\n`);
    await sandbox.deleteSession("default");
  });

  it("goes on with its state after a command whose time was over", async () => {
    const shell = await session();
    await shell.exec("cd /tmp; L=local");
    for (const command of ["sleep 1000; echo no", "while :; do :; done"]) {
      expect(await shell.exec(command, { timeout: 200 })).toMatchObject({ timedOut: true, shellEnded: false });
      expect((await shell.exec("pwd; echo $L")).stdout).toBe("/tmp\nlocal\n");
    }
    await shell.delete();
  });

  it("says once that its shell was lost, and never hangs", async () => {
    const shell = await session();
    for (const [command, exitCode, signal] of [
      ["kill -9 $$", null, "SIGKILL"],
      ["exec sh -c 'exit 6'", 6, null],
    ] as const) {
      await shell.exec("L=local");
      expect(await shell.exec(command)).toMatchObject({ exitCode, signal, shellEnded: true });
      expect(await failure(shell.exec("echo no"))).toBeInstanceOf(SessionTerminatedError);
      expect((await shell.exec("echo fresh $L")).stdout).toBe("fresh\n");
    }
    await shell.delete();
  });

  it("runs beside another one without a trace of it, and its own commands in order", async () => {
    const [one, two] = [await session(), await session()];
    const name = `shared-${one.id}`;
    // Each waits for the other: in one shell they would wait for ever.
    const meet = (own: string, other: string) =>
      `X=${own}; touch ${name}-${own}; until [ -e ${name}-${other} ]; do sleep 0.01; done`;
    await Promise.all([one.exec(`cd ${server.workspace}; ${meet("a", "b")}`), two.exec(meet("b", "a"))]);
    await one.exec("cd /usr; umask 077; alias g='echo g'");
    expect((await one.exec("echo $X; pwd")).stdout).toBe("a\n/usr\n");
    expect((await two.exec("echo $X; pwd; umask; type g 2>&1 | tail -c 10")).stdout).toBe(
      `b\n${server.workspace}\n0022\nnot found\n`,
    );
    const numbers = Array.from({ length: 60 }, (_, index) => index);
    await Promise.all(numbers.map(index => two.exec(`echo ${index} >> ${name}`)));
    expect(readFileSync(join(server.workspace, name), "utf8")).toBe(numbers.map(index => `${index}\n`).join(""));
    await Promise.all([one.delete(), two.delete()]);
  });

  it("runs a thousand commands, each once and in order", async () => {
    const shell = await session();
    const results: string[] = [];
    for (let batch = 0; batch < 20; batch += 1) {
      const asked = Array.from({ length: 50 }, (_, index) =>
        shell.exec(`: $((N += 1)); echo $N ${50 * batch + index}`),
      );
      results.push(...(await Promise.all(asked)).map(({ stdout }) => stdout));
    }
    expect(results).toEqual(Array.from({ length: 1000 }, (_, index) => `${index + 1} ${index}\n`));
    expect((await shell.info()).commands).toBe(1000);
    await shell.delete();
  });

  it("starts background processes with its directory and variables, which do not block it", async () => {
    const shell = await session();
    await shell.exec("cd /tmp; export FROM=session; sleep 1000 & echo $! > pid-of-job");
    const process = await shell.startProcess("pwd; echo $FROM; exec sleep 1000");
    expect((await process.waitForLog("session")).line).toBe("session");
    expect((await process.logs()).stdout).toBe("/tmp\nsession\n");
    expect((await shell.exec("kill $(cat pid-of-job); rm pid-of-job; echo free")).stdout).toBe("free\n");
    await process.kill();
    await shell.delete();
  });
});

it("gives 100 MiB of output whole, and the next command its turn", async () => {
  await proxy.keepWhole();
  const shell = await (clients["over a connection that is cut"] as Sandbox).createSession();
  const hash = createHash("sha256");
  let length = 0;
  let exitCode: number | null | undefined;
  let said = "";
  let cuts = 0;
  const command = "head -c 104857600 /dev/urandom > big; sha256sum < big >&2; cat big; rm big; exit 3";
  const stream = shell.execStream(command, { encoding: "bytes" });
  for await (const event of stream) {
    if (event.type === "stdout") {
      hash.update(event.data);
      length += event.data.length;
      if (length > cuts * (10 << 20)) {
        cuts += 1;
        await proxy.cut();
      }
    } else if (event.type === "stderr") said += Buffer.from(event.data).toString();
    else if (event.type === "exit") exitCode = event.exitCode;
  }
  expect([length, exitCode, `${hash.digest("hex")}  -\n`]).toEqual([100 << 20, 3, said]);
  expect((await shell.exec("echo next")).stdout).toBe("next\n");
  await shell.delete();
  expect(cuts).toBe(10);
});
