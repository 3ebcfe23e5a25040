/** {@link interpret}: a piece of code with its files, run once, in a context of its own. */

import type {
  ExecutionResult,
  Interpretation,
  InterpretationOutput,
  InterpretOptions,
  ISandbox,
  RunCodeOptions,
} from "./types.ts";

/** What it calls: a sandbox, or one of its sessions, on either side of the RPC. */
export type Interpreting = Pick<
  ISandbox,
  "createCodeContext" | "deleteCodeContext" | "runCode" | "listFiles" | "writeFile"
>;

/** Endings of files that are told as images, and their formats. */
const IMAGES: Readonly<Record<string, string>> = {
  png: "png",
  jpg: "jpeg",
  jpeg: "jpeg",
  svg: "svg",
  gif: "gif",
  webp: "webp",
};

/**
 * Writes the files, runs the code beside them, and says what came of it: what it wrote, what it showed, which files it made or
 * changed. Without a context it has one of its own, which ends with it.
 *
 * @throws what `createCodeContext`, `writeFile` and `runCode` throw. What the code raises stands in `error`.
 */
export async function interpret(
  target: Interpreting,
  language: NonNullable<RunCodeOptions["language"]>,
  { code, files = {}, context: given, ...options }: InterpretOptions,
): Promise<Interpretation> {
  const { envVars } = options;
  const context = given ?? (await target.createCodeContext({ language, ...(envVars && { envVars }) }));
  try {
    const { id, cwd } = context;
    await Promise.all(
      Object.entries(files).map(([path, content]) =>
        target.writeFile(path.startsWith("/") ? path : `${cwd}/${path}`, content),
      ),
    );
    const before = await stamps(target, cwd);
    const done = await target.runCode(code, { ...options, context: { ...context, id } });
    const after = await stamps(target, cwd);
    const made = [...after].filter(([name, stamp]) => before.get(name) !== stamp).map(([name]) => name);
    return { outputs: [...outputsOf(done), ...made.flatMap(imageOf)], files: made, error: done.error ?? null };
  } finally {
    // The failure of the code says more than that of its end.
    if (given === undefined) await target.deleteCodeContext(context.id).catch(() => {});
  }
}

/** The files of a directory, and by what a changed one is known. */
async function stamps(target: Interpreting, directory: string): Promise<Map<string, string>> {
  const { files } = await target.listFiles(directory);
  return new Map(
    files
      .filter(({ type }) => type === "file")
      .map(({ relativePath, size, modifiedAt }) => [relativePath, `${size} ${modifiedAt}`]),
  );
}

function outputsOf({ logs, results }: ExecutionResult): InterpretationOutput[] {
  const text = (pieces: readonly string[]) => pieces.join("").replace(/\n$/, "");
  const written = [text(logs.stdout), text(logs.stderr)].filter(content => content !== "");
  return [
    ...written.map(content => ({ type: "text" as const, content })),
    ...results.flatMap(({ png, jpeg, svg, html, text: plain }): InterpretationOutput[] => {
      if (png !== undefined) return [{ type: "image", format: "png", content: png }];
      if (jpeg !== undefined) return [{ type: "image", format: "jpeg", content: jpeg }];
      if (svg !== undefined) return [{ type: "image", format: "svg", content: svg }];
      if (html !== undefined) return [{ type: "html", content: html }];
      return plain === undefined ? [] : [{ type: "text", content: plain }];
    }),
  ];
}

function imageOf(path: string): InterpretationOutput[] {
  const format = IMAGES[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ""];
  return format === undefined ? [] : [{ type: "image", path, format }];
}
