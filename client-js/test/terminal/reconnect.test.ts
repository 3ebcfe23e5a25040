/** The addon through lost connections, reloads, and with several viewers. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../harness/until.ts";
import { TerminalBench } from "./browser.ts";

let bench: TerminalBench;
beforeAll(async () => {
  bench = await TerminalBench.start();
});
afterAll(() => bench.stop());

const NUMBERS = Array.from({ length: 400 }, (_, index) => `n${index + 1}`);

test("through cuts nothing is lost, and nothing comes twice", async () => {
  await bench.open("cuts");
  await bench.enter("cuts", "clear; for i in $(seq 400); do echo n$i; sleep 0.005; done; echo all");
  for (const seen of [/^n40$/, /^n150$/, /^n300$/]) {
    await bench.line("cuts", seen);
    bench.site.cut();
  }
  const lines = await bench.line("cuts", /^all$/);
  expect(lines.filter(line => /^n\d+$/.test(line))).toEqual(NUMBERS);
  // What is typed while there is no connection waits.
  bench.site.cut();
  await bench.enter("cuts", "echo typed$((1))");
  await bench.line("cuts", /^typed1$/);
});

test("after a reload the screen and the lines above it are the same", async () => {
  await bench.open("reload");
  await bench.enter("reload", "clear; for i in $(seq 100); do echo line $i; done; printf '\\e[1;31mred\\e[0m\\n'");
  // The prompt behind it, too: what comes later is not among the lines that are compared.
  const shown = async () => {
    const lines = (await bench.call("lines", ["reload"])).map(line => line.trimEnd());
    return lines.at(-1) === "$" && lines.includes("red") ? lines : undefined;
  };
  const before = await until("all lines", shown);
  await bench.load();
  await bench.open("reload", { attach: true });
  const after = await until("all lines again", shown);
  expect(after.slice(after.indexOf("line 1"))).toEqual(before.slice(before.indexOf("line 1")));
  expect(await bench.call("cursor", ["reload"])).toMatchObject({ col: 2 });
});

test("two viewers see the same; who only looks cannot type", async () => {
  await bench.open("shared");
  const other = await bench.load(await bench.context.newPage());
  await bench.open("shared", { attach: true, readOnly: true, width: 300 }, other);

  await bench.enter("shared", "echo from-$((1))");
  await bench.line("shared", /^from-1$/, other);
  // The size is that of whoever types, however small the window of the other is.
  expect(await bench.call("size", ["shared"], other)).toEqual(await bench.call("size", ["shared"]));

  await bench.call("focus", ["shared"], other);
  await other.keyboard.type("echo intruder\n");
  await bench.call("type", ["shared", "echo intruder\r"], other);
  await bench.enter("shared", "echo still-$((2))");
  await bench.line("shared", /^still-2$/, other);
  for (const page of [bench.page, other]) {
    expect((await bench.call("lines", ["shared"], page)).join("\n")).not.toContain("intruder");
  }
  await other.close();
});

test("disposing detaches, and the terminal goes on", async () => {
  await bench.open("kept");
  await bench.enter("kept", "echo kept-$((1))");
  await bench.line("kept", /^kept-1$/);
  await bench.call("dispose", ["kept"]);
  await until("nobody looks", async () => (await bench.call("viewers", ["kept"])) === 0);
  await bench.open("kept", { attach: true });
  await bench.line("kept", /^kept-1$/);
});

test("a terminal that is not there is told as that", async () => {
  await bench.call("open", ["none", { id: "none", attach: true }]);
  const status = await until("a failure", async () => {
    const status = await bench.page.evaluate(() => {
      const status = window.bench.status("none");
      return status.is === "failed" ? String((status.error as { code?: unknown }).code) : undefined;
    });
    return status;
  });
  expect(status).toBe("TERMINAL_NOT_FOUND");
});

test("when the server has forgotten us, the screen is painted again", async () => {
  const forgetful = await TerminalBench.start({ args: ["--lane-ttl", "0s"] });
  try {
    await forgetful.open("again");
    await forgetful.enter("again", "clear; for i in $(seq 50); do echo line-$i; done");
    const before = await forgetful.line("again", /^line-50$/);
    forgetful.site.cut();
    await until("painted again", async () => {
      return (await forgetful.call("told", ["again"])).filter(event => event === "live").length === 2;
    });
    await forgetful.enter("again", "echo alive-$((1))");
    const after = await forgetful.line("again", /^alive-1$/);
    const numbers = (lines: string[]) => lines.filter(line => line.startsWith("line-"));
    expect(numbers(after)).toEqual(numbers(before));
  } finally {
    await forgetful.stop();
  }
});

test("when the server has died, its terminals have too: that is told, and no exit code is made up", async () => {
  await bench.open("dead");
  await bench.enter("dead", "echo before-$((1))");
  await bench.line("dead", /^before-1$/);
  await bench.server.kill();
  await bench.server.comeBack();
  await until("a failure", async () => (await bench.call("status", ["dead"])).is === "failed");
});
