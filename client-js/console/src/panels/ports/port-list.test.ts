import { expect, test } from "vitest";
import { parsePort, portRows, previewUrl } from "./port-list.ts";

test("one row a port, with all its addresses, and what is exposed though nobody listens", () => {
  const rows = portRows(
    [
      { port: 8080, address: "0.0.0.0", pid: 2, command: "web", process: "web" },
      { port: 8080, address: "::", pid: 2, command: "web" },
      { port: 22, address: "127.0.0.1" },
      { port: 5432, address: "::1", terminal: "t1", command: "psql" },
    ],
    [
      { port: 8080, url: "http://8080-a-b.localhost/" },
      { port: 9000, name: "later" },
    ],
  );
  expect(rows.map(row => [row.port, row.open, row.addresses.length, row.exposed !== undefined])).toEqual([
    [22, false, 1, false],
    [5432, false, 1, false],
    [8080, true, 2, true],
    [9000, false, 0, true],
  ]);
  expect(rows[2]).toMatchObject({ command: "web", process: "web", pid: 2 });
});

test("a path stays on the host of its port", () => {
  const base = "http://8080-a-b.localhost:7070/";
  expect(previewUrl(base, "")).toBe(base);
  expect(previewUrl(base, "/docs?q=1#x")).toBe(`${base}docs?q=1#x`);
  expect(previewUrl(base, "docs/../a b")).toBe(`${base}a%20b`);
  expect(previewUrl(base, "//evil.example/x")).toBe(`${base}evil.example/x`);
  expect(previewUrl(base, "javascript:alert(1)")).toBe(`${base}javascript:alert(1)`);
  expect(previewUrl(base, "\\\\evil.example")).toContain(".localhost:7070/");
});

test("ports that a person types", () => {
  expect(["80", " 65535 ", "0", "65536", "1e3", "", "-1", "8a"].map(parsePort)).toEqual([
    80,
    65_535,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
