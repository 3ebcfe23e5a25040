/** Types of the names that people look for, and that no release of the stock package has. */

import type { CodeContext, ExecutionError, RunCodeOptions } from "./interpreter.ts";
import type { BucketCredentials, BucketProvider } from "./storage.ts";

/** What to interpret. */
export interface InterpretOptions extends Pick<RunCodeOptions, "envVars" | "timeout" | "signal"> {
  /** The code. */
  code: string;
  /** Files that are written first, by their paths from the code's directory. */
  files?: Record<string, string>;
  /** Where to run it. Default: in a context of its own, which ends with it. */
  context?: CodeContext;
}

/** Something that code said or showed. */
export interface InterpretationOutput {
  /** What it is. */
  type: "text" | "html" | "image";
  /** The text, the HTML, or the image as base64 (SVG as it is). Absent for an image that is a file. */
  content?: string;
  /** The image's file, from the code's directory. Absent for one that was shown. */
  path?: string;
  /** The image's format: `png`, `jpeg`, `svg`, `gif`, `webp`. */
  format?: string;
}

/** What came of code that was interpreted. */
export interface Interpretation {
  /** What it wrote, then what it showed, then the images among its files. */
  outputs: InterpretationOutput[];
  /** The files in its directory that it made or changed. */
  files: string[];
  /** What it raised; `null` when it ran to its end. */
  error: ExecutionError | null;
}

/** Which bucket to mount, and where. */
export interface MountStorageOptions {
  /** Who keeps it: `r2` of the Worker's own by its binding; else with an `endpoint`. */
  type?: BucketProvider;
  /** The bucket's name; of one of the Worker's own, the binding or its name. */
  bucket: string | R2Bucket;
  /** The directory, absolute. */
  mountPoint: string;
  /** Default: false. */
  readOnly?: boolean;
  /** Only what is below it. Begins with `/`. */
  prefix?: string;
  /** URL of the S3 endpoint, unless it is one of the Worker's own. */
  endpoint?: string;
  /** Its keys. Default: those of the environment. */
  credentials?: BucketCredentials;
}

/** The names, each of which is a call that there is. */
export interface Aliases {
  /** Whether there is something: `exists`, as a plain boolean. */
  pathExists(path: string): Promise<boolean>;
  /** Ends a process: `killProcess`. */
  stopProcess(id: string, signal?: string): Promise<void>;
  /** Runs code once, with files: `writeFile`, `runCode`, and which files it made. */
  interpret(language: NonNullable<RunCodeOptions["language"]>, options: InterpretOptions): Promise<Interpretation>;
  /** Mounts a bucket: `mountBucket`. */
  mountStorage(options: MountStorageOptions): Promise<void>;
}
