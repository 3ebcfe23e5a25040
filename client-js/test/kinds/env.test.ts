/** Variables of the sandbox and of sessions against the real server. */

import { describe, expect, it } from "vitest";
import { connect, SessionTerminatedError, TimeoutError, ValidationFailedError } from "../../src/index.ts";
import { failure, served } from "./served.ts";

const test = served();
const says = async (line: string, options: object = {}) => (await test.sandbox.exec(line, options)).stdout;

describe("variables of the sandbox", () => {
  it("are had by everything that begins from then on, whoever begins it, and what says its own has its own", async () => {
    await test.sandbox.setEnvVars({ FROM: "sandbox", EMPTY: "" });
    await using other = await connect(test.server.url);
    expect((await other.exec("echo $FROM [$EMPTY]")).stdout).toBe("sandbox []\n");
    expect(await says("echo $FROM", { env: { FROM: "command" } })).toBe("command\n");
    const process = await other.startProcess("echo $FROM");
    await process.wait();
    expect((await process.logs()).stdout).toBe("sandbox\n");
    const session = await test.sandbox.createSession();
    expect((await session.exec("echo $FROM")).stdout).toBe("sandbox\n");
    const own = await test.sandbox.createSession({ env: { FROM: "session" } });
    expect((await own.exec("echo $FROM")).stdout).toBe("session\n");
    expect((await own.exec("echo $FROM", { env: { FROM: "command" } })).stdout).toBe("command\n");

    await test.sandbox.setEnvVars({ FROM: "later" });
    expect((await session.exec("echo $FROM")).stdout).toBe("later\n");
    expect((await own.exec("echo $FROM")).stdout).toBe("session\n");
    await Promise.all([session.delete(), own.delete()]);
  });

  it("are taken away by null and undefined, those of the server too", async () => {
    expect(await says("[ -v HOME ] && echo there")).toBe("there\n");
    await test.sandbox.setEnvVars({ HOME: null, GONE: "soon" });
    await test.sandbox.setEnvVars({ GONE: undefined });
    expect(await says("echo $(printenv HOME || echo none) $(printenv GONE || echo none)")).toBe("none none\n");
    expect(await test.sandbox.getEnvVars()).not.toHaveProperty("GONE");
    await test.sandbox.setEnvVars({ HOME: "/tmp" });
    expect(await test.sandbox.getEnvVars()).toMatchObject({ HOME: "/tmp" });
  });

  it("are refused when they cannot be, and then none is set", async () => {
    for (const wrong of [{ "A=B": "" }, { "ODD NAME": "" }, { "": "x" }, { NUL: "a\0b" }]) {
      expect(await failure(test.sandbox.setEnvVars({ FINE: "yes", ...wrong }))).toBeInstanceOf(ValidationFailedError);
    }
    expect(await test.sandbox.getEnvVars()).not.toHaveProperty("FINE");
  });
});

describe("variables of a session", () => {
  it("are exported in its shell, and nowhere else", async () => {
    await test.sandbox.setEnvVars({ WHO: "sandbox" });
    const session = await test.sandbox.createSession();
    const odd = 'it\'s $HOME `x` \\ "q"\nand a second line';
    await session.setEnvVars({ WHO: "session", ODD: odd, HOME: null });
    expect((await session.exec('printf %s "$ODD"; printenv WHO; echo $(printenv HOME || echo none)')).stdout).toBe(
      `${odd}session\nnone\n`,
    );
    expect(await says("echo $WHO")).toBe("sandbox\n");
    await session.setEnvVars({ WHO: undefined, ODD: null });
    expect((await session.exec("echo $(printenv WHO || echo none) $(printenv ODD || echo none)")).stdout).toBe(
      "none none\n",
    );
    for (const wrong of [{ "NO-NAME": "x" }, { NUL: "\0" }]) {
      expect(await failure(session.setEnvVars(wrong))).toBeInstanceOf(ValidationFailedError);
    }
    await session.exec("readonly FIXED=1");
    expect(await failure(session.setEnvVars({ FIXED: "2" }))).toBeInstanceOf(ValidationFailedError);
    await session.delete();
  });

  it("are given up when the session is not free in time, or its signal says so, and then none is set", async () => {
    const session = await test.sandbox.createSession();
    const busy = session.exec("until [ -e freed ]; do sleep 0.01; done", { timeout: 60_000 });
    const late = await failure(session.setEnvVars({ LATE: "yes" }, { timeout: 100 }));
    expect(late).toBeInstanceOf(TimeoutError);
    expect(late).toMatchObject({ code: "TIMEOUT", context: { timeout: 100 } });
    const signal = AbortSignal.timeout(100);
    expect(await failure(session.setEnvVars({ LATE: "yes" }, { signal, timeout: 60_000 }))).toBeInstanceOf(
      TimeoutError,
    );
    expect((await failure(session.setEnvVars({ LATE: "yes" }, { signal, timeout: 9 }))).name).toBe("TimeoutError");
    await test.sandbox.exec("touch freed");
    expect((await busy).success).toBe(true);
    await session.setEnvVars({ ON: "time" }, { timeout: 60_000 });
    expect((await session.exec("echo $ON$LATE")).stdout).toBe("time\n");
    await session.exec("unset() { :; }; command() { kill -9 $$; }");
    expect(await failure(session.setEnvVars({ A: "b" }))).toBeInstanceOf(SessionTerminatedError);
    await session.delete();
  });
});
