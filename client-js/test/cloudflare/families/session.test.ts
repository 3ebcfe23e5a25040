/** Sessions of the drop-in over a connection that is cut again and again: what breaks a session that is made carelessly. */

import { describe, expect, it } from "vitest";
import { callsIn } from "../../../src/cloudflare/calls.ts";
import { SessionTerminatedError } from "../../../src/cloudflare/errors.ts";
import { failure, family } from "./context.ts";

describe.each([
  ["directly", {}],
  ["over a connection that is cut", { cut: [400, 6_000] as const }],
])("a session, %s", (_, options) => {
  const test = family(options);
  const shell = async () => {
    const { id } = await test.client.createSession({ cwd: test.context.cwd });
    return callsIn({ ...test.context, session: id });
  };

  it("yields every exit code, and lives on with its state", async () => {
    const { exec } = await shell();
    await exec("cd /usr; export A=1; L=local; f() { echo f; }; alias ll='echo ll'; umask 027; set -o pipefail");
    for (const [command, exitCode, stdout, undo = "true"] of [
      ["exit 3", 3, ""],
      ["g() { exit 4; echo no; }; g", 4, ""],
      ["set -e; false; echo no", 1, ""],
      ["if; then", 2, ""],
      ['echo "unbalanced', 2, ""],
      ["no-such-command", 127, ""],
      ["cat <<END\n$A\nEND", 0, "1"],
      ["cat; echo end", 0, "end"],
      ["exec >&-", 0, ""],
      ["printf 'no newline'", 0, "no newline"],
      ["sh -c 'kill -9 $$'", 137, ""],
      ["sleep 1000 & job=$!; echo at once", 0, "at once"],
      ["kill $job; wait $job 2>/dev/null", 143, ""],
      ["PS1=x; IFS=,; trap 'echo bye' EXIT; true", 0, "", "trap - EXIT; unset IFS"],
      ["trap 'echo dbg >&2' DEBUG; true", 0, "", "trap - DEBUG"],
    ] as const) {
      expect(await exec(command), command).toMatchObject({ exitCode, stdout, success: exitCode === 0 });
      expect((await exec(undo)).success, undo).toBe(true);
      await exec("set +e");
      const state = await exec("pwd; echo $A $L; f; ll; umask; set -o | grep -c 'pipefail.*on'");
      expect(state.stdout, `after ${command}`).toBe("/usr\n1 local\nf\nll\n0027\n1");
    }
  });

  it("goes on with its state after a time that was over, which is told", async () => {
    const { exec } = await shell();
    await exec("cd /usr; L=local");
    const late = await failure(exec("echo before; while :; do :; done", { timeout: 200 }));
    expect(late).toMatchObject({ code: "COMMAND_EXECUTION_ERROR", context: { timedOut: true, stdout: "before\n" } });
    expect((await exec("pwd; echo $L")).stdout).toBe("/usr\nlocal");
  });

  it("says once that its shell was lost, and goes on with a fresh one", async () => {
    const { exec } = await shell();
    for (const [command, exitCode] of [
      ["kill -9 $$", null],
      ["exec sh -c 'exit 6'", 6],
    ] as const) {
      await exec("L=local");
      const ended = await failure(exec(command));
      expect(ended).toBeInstanceOf(SessionTerminatedError);
      expect(ended.context).toMatchObject({ exitCode });
      expect((await exec("echo fresh $L")).stdout).toBe("fresh");
    }
  });

  it("runs beside another one without a trace of it; files are shared", async () => {
    const [one, two] = [await shell(), await shell()];
    const meet = (own: string, other: string) =>
      `X=${own}; cd ${test.server.workspace}; touch ${own}; until [ -e ${other} ]; do sleep 0.01; done`;
    await Promise.all([one.exec(meet("a", "b")), two.exec(meet("b", "a"))]);
    await one.exec("cd /usr; export SEEN=1");
    expect((await two.exec("echo $X.$SEEN; pwd; rm a b")).stdout).toBe(`b.\n${test.server.workspace}`);
    expect((await one.exec("echo $X; pwd")).stdout).toBe("a\n/usr");
  });

  it("gives what it starts in the background its directory and variables, and is not blocked", async () => {
    const { exec, startProcess, execStream } = await shell();
    await exec("cd /usr; export FROM=session");
    const started = await startProcess("pwd; echo $FROM; exec sleep 1000");
    await started.waitForLog("session");
    expect((await started.getLogs()).stdout).toBe("/usr\nsession\n");
    const stream = await execStream("echo $FROM; exit 5");
    expect((await exec("echo free")).stdout).toBe("free");
    expect(await new Response(stream).text()).toMatch(/"data":"session\\n".*"type":"complete".*"exitCode":5/s);
    await started.kill();
  });
});
