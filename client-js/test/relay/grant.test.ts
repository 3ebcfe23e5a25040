import { describe, expect, it } from "vitest";
import { WireError } from "../../src/protocol/error.ts";
import { decodeFields, encode } from "../../src/protocol/msgpack.ts";
import { type Grant, narrowed } from "../../src/relay/grant.ts";

const token = new Uint8Array(16).fill(7);

/** What the server is told of a HELLO with these fields. */
function told(hello: object, grant: Grant): Record<string, unknown> {
  const { payload } = narrowed(encode({ version: 1, token, ...hello }), grant);
  return { ...decodeFields(payload) };
}

describe("a HELLO that is narrowed", () => {
  it("says that it is relayed, and is left alone otherwise", () => {
    const hello = {
      version: 1,
      token,
      received: 5,
      attempt: 3,
      client: "c",
      window: 1 << 20,
      later: { more: [1, "x"] },
    };
    expect(told(hello, {})).toEqual({ ...hello, relayed: true });
    expect(narrowed(encode(hello), {}).attempt).toBe(3);
    expect(told({ relayed: false }, {})).toMatchObject({ relayed: true });
  });

  it("has the scopes that are granted, and those that the client did not give up", () => {
    expect(told({}, { scopes: ["exec", "info"] })).toMatchObject({ scopes: ["exec", "info"] });
    expect(told({ scopes: ["info", "tcp"] }, { scopes: ["exec", "info"] })).toMatchObject({ scopes: ["info"] });
    expect(told({ scopes: ["info"] }, {})).toMatchObject({ scopes: ["info"] });
    expect(told({ scopes: ["tcp"] }, { scopes: ["exec"] })).toMatchObject({ scopes: [] });
    expect(told({ scopes: null }, { scopes: ["exec"] })).toMatchObject({ scopes: ["exec"] });
  });

  it("looks only, when it is granted no more", () => {
    const reading = ["process-read", "pty-read", "file-read", "port-read", "info"];
    expect(told({}, { readOnly: true })).toMatchObject({ scopes: reading });
    expect(told({}, { readOnly: true, scopes: ["pty", "pty-read", "exec"] })).toMatchObject({ scopes: ["pty-read"] });
    expect(told({ scopes: ["exec", "info"] }, { readOnly: true })).toMatchObject({ scopes: ["info"] });
    expect(told({}, { readOnly: false })).not.toHaveProperty("scopes");
  });

  it("has the terminals that are granted, and no other", () => {
    expect(told({}, { terminals: ["a", "b"] })).toMatchObject({ terminals: ["a", "b"] });
    expect(told({ terminals: ["b", "c"] }, { terminals: ["a", "b"] })).toMatchObject({ terminals: ["b"] });
    expect(told({ terminals: ["c"] }, { terminals: [] })).toMatchObject({ terminals: [] });
  });

  it.each([
    [undefined, ["/work/a"]],
    [["/work"], ["/work/a"]],
    [["/"], ["/work/a"]],
    [["/work/a"], ["/work/a"]],
    [["/work/b"], []],
    [["/work/ab"], []],
    [["work"], []],
    // Inside: a link there may lead anywhere, so that only the granted directory itself is passed on.
    [["/work/a/link"], ["/work/a"]],
    [["/work/a/../../etc"], []],
    [["/work/b/../a"], []],
    [[], []],
  ])("asked for %j of /work/a, has %j", (asked, paths) => {
    expect(told(asked ? { paths: asked } : {}, { paths: ["/work/a"] })).toMatchObject({ paths });
  });

  it("never asks for another version than the relay speaks", () => {
    expect(told({ version: 9 }, {})).toMatchObject({ version: 1 });
  });

  it.each([
    ["no map", new Uint8Array([0xc0])],
    ["no value", new Uint8Array([0xc1])],
    ["nothing", new Uint8Array()],
    ["scopes that are no list", encode({ scopes: "exec" })],
    ["scopes that are no names", encode({ scopes: [1] })],
    ["nested too deep", new Uint8Array(2000).fill(0x91)],
  ])("is refused: %s", (_, payload) => {
    expect(() => narrowed(payload, { scopes: ["exec"] })).toThrow(WireError);
  });
});
