import { expect, onTestFinished, test, vi } from "vitest";
import type { FileInfo } from "../../../../src/kinds/file/info.ts";
import type { Trees } from "../../../../src/kinds/tree.ts";
import { FileStore } from "./store.ts";

const MANY = 12_000;

/** A directory of so many files; counts the listings that are neither read to their end nor given up. */
function directory(files: number) {
  const open = new Set<object>();
  const iterateFiles = () => {
    let at = 0;
    const left = async () => {
      open.delete(listing);
      return { done: true as const, value: undefined };
    };
    const listing = {
      next: async () => {
        if (at === files) return left();
        at += 1;
        const info = { path: `f${at}`, type: "file", size: 0, mode: 0o644, modifiedAt: new Date(0) };
        return { done: false as const, value: info as unknown as FileInfo };
      },
      return: left,
      [Symbol.asyncIterator]: () => listing,
      [Symbol.asyncDispose]: async () => void (await left()),
    };
    open.add(listing);
    return listing;
  };
  // Watching has no part in this.
  const watch = () => Promise.reject(new Error("not watched"));
  const stat = (path: string) => Promise.reject(Object.assign(new Error(path), { code: path.slice("/w/".length) }));
  const store = new FileStore({ iterateFiles, watch, stat } as unknown as Trees, "/w");
  onTestFinished(() => store.setActive(false));
  return { store, open };
}

test("of a large directory one listing is left open, for the rest of it, until nobody looks", async () => {
  const { store, open } = directory(MANY);
  const known = () => store.tree.known("/w");
  store.setActive(true);
  await vi.waitFor(() => expect(known()).toEqual({ count: 5000, more: true }));
  expect(open.size).toBe(1);
  // Listed again, as when much has changed in it, and twice at once.
  await store.load("/w");
  await Promise.all([store.load("/w"), store.load("/w")]);
  expect(open.size).toBe(1);
  await store.loadMore("/w");
  expect(known()).toEqual({ count: 10_000, more: true });
  expect(open.size).toBe(1);
  await store.loadMore("/w");
  expect(known()).toEqual({ count: MANY, more: false });
  expect(open.size).toBe(0);
  const loading = store.load("/w");
  store.setActive(false);
  await loading;
  expect(open.size).toBe(0);
});

test("what cannot be looked at stays as it was known, and what is not there is gone", async () => {
  const { store } = directory(0);
  await store.load("/w");
  const names = ["FILE_NOT_FOUND", "NOT_DIRECTORY", "PERMISSION_DENIED", "LOST"];
  const entry = { type: "file", size: 0, mode: 0o644, modified: 0, target: undefined } as const;
  for (const name of names) store.tree.patch("/w", name, { ...entry, name });
  for (const name of names) await store.update(`/w/${name}`);
  expect(names.filter(name => store.tree.entry(`/w/${name}`) !== undefined)).toEqual(["PERMISSION_DENIED", "LOST"]);
});
