/** What is being uploaded: a bounded number at once, each with its progress, each to be cancelled or tried again. */

/** Something to upload. */
export interface UploadSource {
  /** Where it goes. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Its content, read when its turn comes. */
  readonly content: Blob;
}

/** Where an upload is in its life. `exists`: something is in its place, and a person must say what to do. */
export type UploadState = "waiting" | "sending" | "exists" | "done" | "failed" | "cancelled";

/** One upload. */
export interface Upload {
  readonly id: number;
  readonly path: string;
  readonly size: number;
  readonly state: UploadState;
  /** Bytes that are on their way or there. */
  readonly sent: number;
  readonly error?: unknown;
}

/** All uploads together, those included whose row is gone. */
export interface UploadTotals {
  /** Files that were given. */
  readonly files: number;
  readonly done: number;
  readonly failed: number;
  /** Files that a person must decide about. */
  readonly undecided: number;
  readonly bytes: number;
  readonly sent: number;
  /** Something waits or is being sent. */
  readonly active: boolean;
}

/** What the queue is told. */
export interface UploadOptions {
  /** Files at once. */
  readonly parallel: number;
  /** Sends one file. Without `replace` it must fail with the code `FILE_EXISTS` when there is something. */
  send(
    source: UploadSource,
    options: { readonly replace: boolean; readonly signal: AbortSignal; onProgress(sent: number): void },
  ): Promise<void>;
  /** Something changed. */
  onChange(): void;
}

interface Job {
  row: Upload;
  source: UploadSource;
  replace: boolean;
  abort: AbortController | undefined;
}

/** Rows that are kept after their end; older ones only count. */
const KEPT_ROWS = 100;
/** Files that are taken from a source ahead of their turn: a folder of a million is walked as it is sent. */
const AHEAD = 50;

/** Uploads in the order in which they were added. */
export class UploadQueue {
  readonly #options: UploadOptions;
  #jobs: Job[] = [];
  #count = 0;
  #sources: AsyncIterator<UploadSource>[] = [];
  #pulling = false;
  #gone = { files: 0, done: 0, failed: 0, bytes: 0, sent: 0 };
  /** What is done about files that are there already, once a person has said so for all. */
  #forAll: "replace" | "skip" | undefined;

  constructor(options: UploadOptions) {
    this.#options = options;
  }

  /** The uploads that are shown. */
  get uploads(): readonly Upload[] {
    return this.#jobs.map(job => job.row);
  }

  /** Adds what a source gives, one after the other, as there is room for it. */
  add(source: AsyncIterable<UploadSource>): void {
    if (!this.totals().active) this.#forAll = undefined;
    this.#sources.push(source[Symbol.asyncIterator]());
    this.#work();
  }

  /** Stops one upload. What is in its place stays as it is. */
  cancel(id: number): void {
    const job = this.#find(id);
    if (job === undefined || job.row.state === "done") return;
    job.abort?.abort();
    this.#set(job, { state: "cancelled" });
    this.#work();
  }

  /** Stops all of them, also those that no source has given yet. */
  cancelAll(): void {
    for (const source of this.#sources) void source.return?.().catch(() => {});
    this.#sources = [];
    for (const job of this.#jobs) {
      if (job.row.state === "done" || job.row.state === "failed") continue;
      job.abort?.abort();
      job.row = { ...job.row, state: "cancelled" };
    }
    this.#options.onChange();
  }

  /** Begins one again that failed or was cancelled. */
  retry(id: number): void {
    const job = this.#find(id);
    if (job === undefined || (job.row.state !== "failed" && job.row.state !== "cancelled")) return;
    this.#set(job, { state: "waiting", sent: 0, error: undefined });
    this.#work();
  }

  /** What to do with a file in whose place something is; with `all`, also with every later one. */
  decide(id: number, what: "replace" | "skip", all = false): void {
    if (all) this.#forAll = what;
    for (const job of this.#jobs) {
      if (job.row.state === "exists" && (all || job.row.id === id)) this.#decide(job, what);
    }
    this.#work();
  }

  /** Takes rows away whose upload has ended. */
  clearEnded(): void {
    this.#jobs = this.#jobs.filter(job => !isEnded(job.row.state));
    if (!this.totals().active) this.#gone = { files: 0, done: 0, failed: 0, bytes: 0, sent: 0 };
    this.#options.onChange();
  }

  totals(): UploadTotals {
    const rows = this.#jobs.map(job => job.row).filter(row => row.state !== "cancelled");
    const count = (state: UploadState) => rows.filter(row => row.state === state).length;
    return {
      files: rows.length + this.#gone.files,
      done: count("done") + this.#gone.done,
      failed: count("failed") + this.#gone.failed,
      undecided: count("exists"),
      bytes: rows.reduce((sum, row) => sum + row.size, this.#gone.bytes),
      sent: rows.reduce((sum, row) => sum + row.sent, this.#gone.sent),
      active: this.#sources.length > 0 || this.#jobs.some(job => !isEnded(job.row.state) && job.row.state !== "exists"),
    };
  }

  #work(): void {
    let free = this.#options.parallel - this.#jobs.filter(job => job.row.state === "sending").length;
    for (const job of this.#jobs) {
      if (free <= 0) break;
      if (job.row.state !== "waiting") continue;
      free -= 1;
      void this.#send(job);
    }
    void this.#pull();
    this.#options.onChange();
  }

  async #send(job: Job): Promise<void> {
    const abort = new AbortController();
    job.abort = abort;
    job.row = { ...job.row, state: "sending", sent: 0 };
    try {
      await this.#options.send(job.source, {
        replace: job.replace,
        signal: abort.signal,
        onProgress: sent => {
          if (!abort.signal.aborted) this.#set(job, { sent });
        },
      });
      if (!abort.signal.aborted) job.row = { ...job.row, state: "done", sent: job.row.size };
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!job.replace && codeOf(error) === "FILE_EXISTS") {
        job.row = { ...job.row, state: "exists", sent: 0 };
        if (this.#forAll !== undefined) this.#decide(job, this.#forAll);
      } else job.row = { ...job.row, state: "failed", error };
    }
    this.#drop();
    this.#work();
  }

  /** Takes from the sources while few wait. */
  async #pull(): Promise<void> {
    if (this.#pulling) return;
    this.#pulling = true;
    for (let source = this.#sources[0]; source !== undefined; source = this.#sources[0]) {
      if (this.#jobs.filter(job => job.row.state === "waiting").length >= AHEAD) break;
      const next = await source.next().catch((error: unknown) => ({ done: true as const, value: undefined, error }));
      // Everything may have been cancelled meanwhile.
      if (this.#sources[0] !== source) continue;
      if (next.done === true) {
        this.#sources.shift();
        if ("error" in next) this.#fail(next.error);
        this.#options.onChange();
        continue;
      }
      this.#push(next.value, "waiting");
      this.#pulling = false;
      this.#work();
      return;
    }
    this.#pulling = false;
  }

  #push(source: UploadSource, state: UploadState, error?: unknown): void {
    this.#count += 1;
    const row: Upload = { id: this.#count, path: source.path, size: source.size, state, sent: 0, error };
    this.#jobs.push({ row, source, replace: false, abort: undefined });
  }

  /** A folder that could not be read is a row, too: nothing goes missing without a word. */
  #fail(error: unknown): void {
    const path = (error as { path?: unknown } | undefined)?.path;
    const source = { path: typeof path === "string" ? path : "", size: 0, content: new Blob() };
    this.#push(source, "failed", error);
  }

  #decide(job: Job, what: "replace" | "skip"): void {
    job.replace = what === "replace";
    job.row = { ...job.row, state: what === "replace" ? "waiting" : "cancelled" };
  }

  #set(job: Job, change: Partial<Upload>): void {
    job.row = { ...job.row, ...change };
    this.#options.onChange();
  }

  #find(id: number): Job | undefined {
    return this.#jobs.find(job => job.row.id === id);
  }

  /** Rows of the oldest that are done go; what failed stays until a person has seen it. */
  #drop(): void {
    const done = this.#jobs.filter(job => job.row.state === "done" || job.row.state === "cancelled");
    const gone = new Set(done.slice(0, Math.max(0, done.length - KEPT_ROWS)));
    if (gone.size === 0) return;
    for (const job of gone) {
      if (job.row.state === "cancelled") continue;
      this.#gone.files += 1;
      this.#gone.done += 1;
      this.#gone.bytes += job.row.size;
      this.#gone.sent += job.row.sent;
    }
    this.#jobs = this.#jobs.filter(job => !gone.has(job));
  }
}

function isEnded(state: UploadState): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}
