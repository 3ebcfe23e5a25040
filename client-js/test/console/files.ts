/** Files: the tree, the editor, somebody else's changes, 100 MiB up and down. */

import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { until } from "../harness/until.ts";
import type { Bench } from "./bench.ts";

const SIZE = 100 << 20;

/** Registers the tests. */
export function fileTests(bench: () => Bench): void {
  test("the tree opens folders, the editor edits, and the file has it", async () => {
    const { workspace } = bench().server;
    mkdirSync(join(workspace, "project/src"), { recursive: true });
    const path = join(workspace, "project/src/main.rs");
    writeFileSync(path, 'fn main() {\n    println!("hello");\n}\n');
    await using visitor = await bench().visit();
    const { page } = visitor;
    await visitor.go("Files");
    const tree = page.getByRole("tree", { name: "Files" });
    await row(page, "project").waitFor();
    await visitor.pictures("files");
    await row(page, "project").click();
    await row(page, "src").click();
    await row(page, "main.rs").click();
    const editor = page.getByRole("textbox", { name: "Text of main.rs" });
    await editor.getByText("println").waitFor();
    await visitor.pictures("files-editor");
    expect(visitor.requests.some(url => /editor/.test(url))).toBe(true);
    await row(page, "main.rs").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Rename…" }).waitFor();
    await visitor.pictures("files-menu");
    await page.keyboard.press("Escape");
    await editor.click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("// from the browser\n");
    await page.keyboard.press("Control+s");
    await until("the file has it", () => readFileSync(path, "utf8").startsWith("// from the browser\nfn main() {\n"));

    // What others make is seen without asking.
    writeFileSync(join(workspace, "project/src/lib.rs"), "");
    await row(page, "lib.rs").waitFor();
    // A new file, by keys alone.
    await tree.focus();
    await page.keyboard.press("Control+Shift+N");
    await page.getByRole("dialog").getByRole("textbox").fill("notes.md");
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "Text of notes.md" }).waitFor();
    // The address leads back to it.
    await page.reload();
    await page.getByRole("textbox", { name: "Text of notes.md" }).waitFor();
  });

  test("who edits what somebody else has changed is asked whose it shall be", async () => {
    const path = join(bench().server.workspace, "shared.txt");
    writeFileSync(path, "as it was\n");
    await using visitor = await bench().visit({ path: `/#/files${path}` });
    const { page } = visitor;
    const editor = page.getByRole("textbox", { name: "Text of shared.txt" });
    await editor.getByText("as it was").waitFor();
    // Without changes of its own the editor follows.
    writeFileSync(path, "theirs, once\n");
    await editor.getByText("theirs, once").waitFor();

    await editor.click();
    await page.keyboard.type("mine ");
    writeFileSync(path, "theirs, twice\n");
    const question = page.getByRole("alert").filter({ hasText: "changed by somebody else" });
    await question.waitFor();
    await visitor.pictures("files-conflict");
    await question.getByRole("button", { name: "Take theirs" }).click();
    await page.getByRole("button", { name: "Read again" }).click();
    await editor.getByText("theirs, twice").waitFor();
    await question.waitFor({ state: "detached" });

    await editor.click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("mine ");
    writeFileSync(path, "theirs, thrice\n");
    await question.waitFor();
    await question.getByRole("button", { name: "Save mine" }).click();
    await until("mine is in the file", () => readFileSync(path, "utf8") === "mine theirs, twice\n");
  });

  test("100 MiB go up and come down again with the same hash, and the progress is seen", async () => {
    const { workspace } = bench().server;
    const source = join(workspace, "source.bin");
    // Each MiB is another one, so that none could be taken for its neighbour.
    const content = Buffer.alloc(SIZE);
    for (let at = 0; at < SIZE; at += 64) content.writeDoubleLE(Math.sin(at) * at, at);
    writeFileSync(source, content);
    const wanted = createHash("sha256").update(content).digest("hex");

    await using visitor = await bench().visit({ acceptDownloads: true });
    const { page } = visitor;
    await visitor.go("Files");
    await row(page, "source.bin").waitFor();
    mkdirSync(join(workspace, "uploads"));
    await row(page, "uploads").click();
    const chosen = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Upload files (U)" }).click();
    await (await chosen).setFiles(source);
    const transfers = page.getByRole("region", { name: "Transfers" });
    await moving(transfers.getByRole("progressbar", { name: "Upload of source.bin" }));
    await visitor.pictures("files-upload");
    await transfers.getByText("Transfers are done").waitFor();
    expect(await hash(join(workspace, "uploads/source.bin"))).toBe(wanted);

    // The one that was uploaded: below its folder.
    await row(page, "source.bin").first().click({ button: "right" });
    const saved = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: "Download" }).click();
    await moving(transfers.getByRole("progressbar", { name: "Download of source.bin" }));
    const download = await saved;
    expect(download.suggestedFilename()).toBe("source.bin");
    expect(await hash(await download.path())).toBe(wanted);
    await transfers.getByText("Transfers are done").waitFor();
  });

  test("what is dropped on a folder is uploaded into it; what is there is not replaced unasked", async () => {
    const { workspace } = bench().server;
    mkdirSync(join(workspace, "inbox"));
    writeFileSync(join(workspace, "inbox/there.txt"), "old");
    await using visitor = await bench().visit();
    const { page } = visitor;
    await visitor.go("Files");
    await row(page, "inbox").waitFor();
    const data = await page.evaluateHandle(() => {
      const dropped = new DataTransfer();
      dropped.items.add(new File(["new"], "there.txt"));
      dropped.items.add(new File(["dropped"], "fresh.txt"));
      return dropped;
    });
    await row(page, "inbox").dispatchEvent("dragover", { dataTransfer: data });
    await row(page, "inbox").dispatchEvent("drop", { dataTransfer: data });
    await until("the new one is there", () => reads(join(workspace, "inbox/fresh.txt"), "dropped"));
    const replace = page.getByRole("button", { name: "Replace" });
    await replace.waitFor();
    expect(readFileSync(join(workspace, "inbox/there.txt"), "utf8")).toBe("old");
    await visitor.pictures("files-exists");
    await replace.click();
    await until("it is replaced", () => reads(join(workspace, "inbox/there.txt"), "new"));
  });

  test("a file that is not there, and one that is no text, say so", async () => {
    const { workspace } = bench().server;
    writeFileSync(join(workspace, "blob.bin"), Buffer.from([0, 1, 2, 254, 255]));
    await using visitor = await bench().visit({ path: `/#/files${workspace}/gone.txt` });
    const { page } = visitor;
    await page.getByText("gone.txt cannot be shown").waitFor();
    await visitor.pictures("files-error");
    await row(page, "blob.bin").click();
    await page.getByText("blob.bin is no text").waitFor();
    await visitor.pictures("files-binary");
  });
}

/** A row of the tree. */
function row(page: Page, name: string): Locator {
  return page.getByRole("treeitem").filter({ has: page.getByText(name, { exact: true }) });
}

/** Waits until a progress bar stands somewhere between its ends. */
async function moving(bar: Locator): Promise<void> {
  await until("some of it is done, and not all", async () => {
    const value = await bar
      .evaluate((element: HTMLProgressElement) => element.value, undefined, { timeout: 1000 })
      .catch(() => 0);
    return value > 0 && value < 1;
  });
}

async function hash(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function reads(path: string, wanted: string): boolean {
  try {
    return readFileSync(path, "utf8") === wanted;
  } catch {
    return false;
  }
}
