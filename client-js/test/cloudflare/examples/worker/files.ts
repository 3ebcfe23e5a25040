/** Files and directories. */

import { getSandbox, type SandboxError } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";

/** A PNG of one pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

export const files: Examples = {
  async readAndWrite({ env }) {
    const sandbox = getSandbox(env.Sandbox, "files");
    const config = { name: "my-app", ready: true };
    const pythonCode = 'print("héllo")\n';

    await sandbox.writeFile("/workspace/app.js", "console.log('Hello!');");
    // Write text file
    await sandbox.writeFile("/workspace/config.json", JSON.stringify(config));
    // Write with explicit encoding
    await sandbox.writeFile("/workspace/script.py", pythonCode, { encoding: "utf-8" });
    // Create nested directories automatically
    await sandbox.writeFile("/workspace/deep/nested/file.txt", "content");

    const file = await sandbox.readFile("/workspace/config.json");
    return {
      config: JSON.parse(file.content) as unknown,
      path: file.path,
      app: (await sandbox.exec("node /workspace/app.js")).stdout,
      script: (await sandbox.exec("python3 /workspace/script.py")).stdout,
      nested: (await sandbox.readFile("/workspace/deep/nested/file.txt")).content,
    };
  },

  /** Content is base64-encoded for binary files */
  async binary({ env }) {
    const sandbox = getSandbox(env.Sandbox, "files");
    await sandbox.writeFile("/workspace/image.png", PIXEL, { encoding: "base64" });
    const imageFile = await sandbox.readFile("/workspace/image.png");
    const { encoding, isBinary, mimeType, content } = imageFile;
    return { encoding, isBinary, mimeType, same: content === PIXEL };
  },

  async list({ env }) {
    const sandbox = getSandbox(env.Sandbox, "listed");
    await sandbox.writeFile("/workspace/file.txt", "x".repeat(1024));
    await sandbox.mkdir("/workspace/folder");
    const { files, count } = await sandbox.listFiles("/workspace");
    const shown = files.map(({ name, absolutePath, type, size, modifiedAt }) => ({
      name,
      path: absolutePath,
      type, // 'file' | 'directory'
      size: type === "file" ? size : 0, // bytes
      recent: Date.now() - Date.parse(modifiedAt) < 600_000,
    }));
    return { count, shown: shown.sort((a, b) => a.name.localeCompare(b.name)) };
  },

  async remove({ env }) {
    const sandbox = getSandbox(env.Sandbox, "files");
    await sandbox.writeFile("/workspace/temp.txt", "");
    await sandbox.writeFile("/workspace/temp-dir/a/b", "");
    // Delete file
    await sandbox.deleteFile("/workspace/temp.txt");
    const refused = await sandbox.deleteFile("/workspace/temp-dir").then(
      () => "deleted",
      (error: SandboxError) => error.code,
    );

    // Delete directory recursively
    const before = await sandbox.pathExists("/workspace/temp-dir/a/b");
    await sandbox.deleteFile("/workspace/temp-dir", { recursive: true });

    const paths = ["/workspace/temp.txt", "/workspace/temp-dir"];
    const after = await Promise.all(paths.map(path => sandbox.pathExists(path)));
    return { refused, before, after };
  },

  async directories({ env }) {
    const sandbox = getSandbox(env.Sandbox, "files");
    // Create directory
    await sandbox.mkdir("/workspace/new-dir/inner", { recursive: true });
    await sandbox.writeFile("/workspace/new-dir/old.txt", "moved");
    await sandbox.renameFile("/workspace/new-dir/old.txt", "/workspace/new-dir/new.txt");
    await sandbox.moveFile("/workspace/new-dir/new.txt", "/tmp/moved.txt");

    // Check if path exists
    const exists = await sandbox.pathExists("/workspace/new-dir/new.txt");
    return {
      exists,
      there: (await sandbox.exists("/workspace/new-dir/inner")).exists,
      content: (await sandbox.readFile("/tmp/moved.txt")).content,
    };
  },

  /** The same names at the object itself. */
  async byStub({ env }) {
    const stub = env.Sandbox.get(env.Sandbox.idFromName("files"));
    await stub.writeFile("/workspace/by-stub/file", "");
    const before = await stub.pathExists("/workspace/by-stub/file");
    await stub.deleteFile("/workspace/by-stub", { recursive: true });
    await stub.startProcess("sleep 1000", { processId: "by-stub" });
    await stub.stopProcess("by-stub");
    return {
      before,
      after: await stub.pathExists("/workspace/by-stub"),
      stopped: (await getSandbox(env.Sandbox, "files").getProcess("by-stub"))?.status,
    };
  },
};
