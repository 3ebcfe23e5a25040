/** What a person does to files: asks for what must be known, does it, says what went wrong. */

import { type Signal, signal } from "@preact/signals";
import type { Trees } from "../../../../src/kinds/tree.ts";
import { confirm, prompt } from "../../app/dialogs.ts";
import { toast, toastError } from "../../app/toasts.ts";
import type { Documents } from "./documents.ts";
import { copyName, isWithin, join, modeText, nameOf, nameProblem, normal, parentOf, shown, toWire } from "./paths.ts";
import type { FileStore } from "./store.ts";
import { opensAsDirectory } from "./tree.ts";

/** What was copied or cut, to be pasted. */
export interface Clip {
  readonly path: string;
  readonly move: boolean;
}

/** What is on the panel's own clipboard. */
export const clip: Signal<Clip | undefined> = signal(undefined);

/** The operations on one sandbox. */
export class Operations {
  readonly #client: Trees;
  readonly #store: () => FileStore;
  readonly #documents: Documents;

  constructor(client: Trees, store: () => FileStore, documents: Documents) {
    this.#client = client;
    this.#store = store;
    this.#documents = documents;
  }

  /** Makes an empty file and gives its path. */
  async newFile(dir: string): Promise<string | undefined> {
    const name = await this.#askName(
      { title: "New file", label: "Name", action: "Make file", text: `In ${shown(dir)}` },
      dir,
    );
    if (name === undefined) return undefined;
    const path = join(dir, name);
    return this.#try(`${shown(name)} could not be made`, async () => {
      await this.#client.writeFile(toWire(path), "", { how: "create" });
      await this.#store().reveal(path);
      await this.#store().update(path);
      return path;
    });
  }

  /** Makes a directory and gives its path. */
  async newFolder(dir: string): Promise<string | undefined> {
    const name = await this.#askName(
      { title: "New folder", label: "Name", action: "Make folder", text: `In ${shown(dir)}` },
      dir,
    );
    if (name === undefined) return undefined;
    const path = join(dir, name);
    return this.#try(`${shown(name)} could not be made`, async () => {
      await this.#client.mkdir(toWire(path));
      await this.#store().reveal(path);
      await this.#store().update(path);
      return path;
    });
  }

  /** Gives something another name and gives its new path. */
  async rename(path: string): Promise<string | undefined> {
    const dir = parentOf(path);
    const name = await this.#askName(
      { title: `Rename ${shown(nameOf(path))}`, label: "New name", action: "Rename", value: nameOf(path) },
      dir,
      nameOf(path),
    );
    if (name === undefined || name === nameOf(path)) return undefined;
    return this.#moveTo(path, join(dir, name));
  }

  /** Moves something to a path that the person types. */
  async move(path: string): Promise<string | undefined> {
    const to = await prompt({
      title: `Move ${shown(nameOf(path))}`,
      label: "New path",
      value: path,
      action: "Move",
      check: value => (value.startsWith("/") ? undefined : "The path must begin with a slash."),
    });
    if (to === undefined || normal(to) === path) return undefined;
    return this.#moveTo(path, normal(to));
  }

  /** Puts what is on the clipboard into a directory. */
  async paste(dir: string): Promise<string | undefined> {
    const from = clip.value;
    if (from === undefined) return undefined;
    const { path, move } = from;
    const name = nameOf(path);
    if (move) {
      clip.value = undefined;
      return parentOf(path) === dir ? undefined : this.#moveTo(path, join(dir, name));
    }
    const tree = this.#store().tree;
    const to = join(dir, tree.has(dir, name) ? copyName(name, other => tree.has(dir, other)) : name);
    return this.#try(`${shown(name)} could not be copied`, async () => {
      await this.#client.copyFile(toWire(path), toWire(to), { recursive: true, overwrite: false });
      await this.#store().update(to);
      return to;
    });
  }

  /** Copies beside itself. */
  async duplicate(path: string): Promise<string | undefined> {
    clip.value = { path, move: false };
    return this.paste(parentOf(path));
  }

  /** Removes, after asking. */
  async remove(path: string): Promise<boolean> {
    const entry = this.#store().tree.entry(path);
    const directory = entry?.type === "directory";
    const yes = await confirm({
      title: `Delete ${shown(nameOf(path))}?`,
      text: directory
        ? "The folder and everything in it are deleted. This cannot be undone."
        : "This cannot be undone.",
      action: "Delete",
      danger: true,
    });
    if (!yes) return false;
    const done = await this.#try(`${shown(nameOf(path))} could not be deleted`, async () => {
      await this.#client.remove(toWire(path), { recursive: directory });
      this.#documents.removed(path);
      return true;
    });
    await this.#store().update(path);
    return done === true;
  }

  /** Asks for permission bits. */
  async chmod(path: string): Promise<void> {
    const mode = this.#store().tree.entry(path)?.mode ?? 0o644;
    const answer = await prompt({
      title: `Permissions of ${shown(nameOf(path))}`,
      label: "Mode, octal",
      text: `Now ${modeText(mode)}`,
      value: mode.toString(8).padStart(3, "0"),
      action: "Change",
      check: value => (/^[0-7]{1,4}$/.test(value) ? undefined : "Up to four digits from 0 to 7, as 644 or 755."),
    });
    if (answer === undefined) return;
    await this.#try("The permissions could not be changed", async () => {
      await this.#client.chmod(toWire(path), Number.parseInt(answer, 8));
      await this.#store().update(path);
    });
  }

  async #moveTo(from: string, to: string): Promise<string | undefined> {
    const moved = async (overwrite: boolean) => {
      await this.#client.moveFile(toWire(from), toWire(to), { overwrite });
      if (isWithin(this.#store().tree.root, from)) this.#store().tree.moved(from, to);
      this.#documents.moved(from, to);
      await Promise.all([this.#store().update(from), this.#store().update(to)]);
      return to;
    };
    try {
      return await moved(false);
    } catch (error) {
      const target = this.#store().tree.entry(to);
      const replaceable = (error as { code?: unknown }).code === "FILE_EXISTS" && !(target && opensAsDirectory(target));
      if (!replaceable) {
        toastError(`${shown(nameOf(from))} could not be moved`, error);
        return undefined;
      }
    }
    const yes = await confirm({
      title: `Replace ${shown(nameOf(to))}?`,
      text: `There is something of that name in ${shown(parentOf(to))}.`,
      action: "Replace",
      danger: true,
    });
    return yes ? this.#try(`${shown(nameOf(from))} could not be moved`, () => moved(true)) : undefined;
  }

  #askName(
    ask: { title: string; label: string; action: string; text?: string; value?: string },
    dir: string,
    own?: string,
  ): Promise<string | undefined> {
    const tree = this.#store().tree;
    return prompt({
      ...ask,
      check: name =>
        nameProblem(name) ?? (name !== own && tree.has(dir, name) ? "There is something of that name." : undefined),
    });
  }

  async #try<T>(tried: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      toastError(tried, error);
      return undefined;
    }
  }
}

/** Says that something can be pasted now. */
export function putOnClip(path: string, move: boolean): void {
  clip.value = { path, move };
  toast(`${shown(nameOf(path))} can be pasted into a folder`);
}
