/** What can be called in a sandbox and in each of its sessions alike: every line leads to the family that does it. */

import * as backup from "./backup.ts";
import * as code from "./code.ts";
import { exec, execStream } from "./command.ts";
import type { Context } from "./context.ts";
import * as file from "./file.ts";
import { gitCheckout } from "./git.ts";
import * as mount from "./mount.ts";
import * as process from "./process.ts";
import type { ExecutionSession } from "./types.ts";
import * as watch from "./watch.ts";

/** The calls of a session: all but `terminal`, which is a request, and what sets it up. */
export type Calls = Omit<ExecutionSession, "id" | "terminal" | "setEnvVars">;

/** The calls in a context. They are closures, so that a session can cross RPC. */
export function callsIn(context: Context): Calls {
  return {
    exec: (command, options) => exec(context, command, options),
    execStream: (command, options) => execStream(context, command, options),
    startProcess: (command, options) => process.startProcess(context, command, options),
    listProcesses: () => process.listProcesses(context),
    getProcess: id => process.getProcess(context, id),
    killProcess: (id, signal) => process.killProcess(context, id, signal),
    killAllProcesses: () => process.killAllProcesses(context),
    cleanupCompletedProcesses: () => process.cleanupCompletedProcesses(context),
    getProcessLogs: id => process.getProcessLogs(context, id),
    streamProcessLogs: (id, options) => process.streamProcessLogs(context, id, options),
    writeFile: (path, content, options) => file.writeFile(context, path, content, options),
    readFile: ((path, options) => file.readFile(context, path, options)) as Calls["readFile"],
    readFileStream: path => file.readFileStream(context, path),
    mkdir: (path, options) => file.mkdir(context, path, options),
    deleteFile: (path, options) => file.deleteFile(context, path, options),
    renameFile: (from, to) => file.renameFile(context, from, to),
    moveFile: (from, to) => file.moveFile(context, from, to),
    listFiles: (path, options) => file.listFiles(context, path, options),
    exists: path => file.exists(context, path),
    watch: (path, options) => watch.watch(context, path, options),
    checkChanges: (path, options) => watch.checkChanges(context, path, options),
    gitCheckout: (url, options) => gitCheckout(context, url, options),
    createCodeContext: options => code.createCodeContext(context, options),
    runCode: (text, options) => code.runCode(context, text, options),
    runCodeStream: (text, options) => code.runCodeStream(context, text, options),
    listCodeContexts: () => code.listCodeContexts(context),
    deleteCodeContext: id => code.deleteCodeContext(context, id),
    mountBucket: (bucket, path, options) => mount.mountBucket(context, bucket, path, options),
    unmountBucket: path => mount.unmountBucket(context, path),
    createBackup: options => backup.createBackup(context, options),
    restoreBackup: kept => backup.restoreBackup(context, kept),
  };
}
