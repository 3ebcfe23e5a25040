/**
 * What this package takes from the web platform and gives to it. Types by structure, so that neither the DOM's types nor
 * Node's are needed to compile against it; at run time the runtime's own classes.
 */

declare global {
  // Empty: they merge with the declarations of the DOM, of Node or of Workers where those are there, so that what we return
  // is the platform's own type. Where there are none, the intersections below say what there is.
  interface ReadableStream<R> {}
  interface WritableStream<W> {}
  interface Blob {}
}

/** Bytes from the sandbox: the platform's `ReadableStream`. What is not read stops the sender. */
export type ByteStream = ReadableStream<Uint8Array> & {
  /** Whether somebody reads it. */
  readonly locked: boolean;
  /** Stops the work that it comes from. */
  cancel(reason?: unknown): Promise<void>;
  /** Locks it to a reader. */
  getReader(): StreamReader<Uint8Array>;
  /** Reads it with `for await`; leaving the loop cancels it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>;
};

/** Bytes to the sandbox: the platform's `WritableStream`. Text is sent as UTF-8. `close` says that there is no more. */
export type ByteSink = WritableStream<Uint8Array | string> & {
  /** Whether somebody writes it. */
  readonly locked: boolean;
  /** Gives up what it leads to. */
  abort(reason?: unknown): Promise<void>;
  /** No more will come. */
  close(): Promise<void>;
  /** Locks it to a writer. */
  getWriter(): StreamWriter<Uint8Array | string>;
};

/** Bytes that are all there: the platform's `Blob`. */
export type BlobResult = Blob & BlobLike;

/** What the lock of a {@link ByteStream} gives. */
export interface StreamReader<T> {
  /** The next chunk. */
  read(): Promise<{ done: false; value: T } | { done: true; value?: T | undefined }>;
  /** Stops the stream. */
  cancel(reason?: unknown): Promise<void>;
  /** Lets others read. */
  releaseLock(): void;
}

/** What the lock of a {@link ByteSink} gives. */
export interface StreamWriter<T> {
  /** Settles when the chunk was taken. */
  write(chunk: T): Promise<void>;
  /** No more will come. */
  close(): Promise<void>;
  /** Gives up. */
  abort(reason?: unknown): Promise<void>;
  /** Lets others write. */
  releaseLock(): void;
}

/** What we need of a `Blob`. */
export interface BlobLike {
  /** Its length in bytes. */
  readonly size: number;
  /** Its media type. */
  readonly type: string;
  /** A part of it. */
  slice(start?: number, end?: number): { arrayBuffer(): Promise<ArrayBuffer> };
  /** Its content. */
  arrayBuffer(): Promise<ArrayBuffer>;
  /** Its content as text. */
  text(): Promise<string>;
}

/** What we need of a `ReadableStream` that is given to us. */
export interface ReadableStreamLike<T> {
  /** Locks it to a reader. */
  getReader(): {
    read(): Promise<{ done: boolean; value?: T | undefined }>;
    cancel(reason?: unknown): Promise<unknown>;
    releaseLock(): void;
  };
}

/** Bytes in any usual form; text is sent as UTF-8. */
export type Chunk = string | Uint8Array | ArrayBuffer;

/** Content in any usual form. A stream or an iterable is read as fast as the sandbox takes it, and never twice. */
export type Content = Chunk | BlobLike | ReadableStreamLike<Uint8Array | string> | AsyncIterable<Chunk>;

/** A stateful decoder: a character that is cut in two chunks is whole again. */
export interface Decoder {
  decode(data?: Uint8Array, options?: { stream?: boolean }): string;
}

interface Platform {
  TextEncoder: new () => { encode(text: string): Uint8Array };
  TextDecoder: new (label: string, options: { ignoreBOM: boolean }) => Decoder;
  Blob: new (parts: Uint8Array[]) => BlobResult;
  ReadableStream: new (
    source: {
      pull(controller: { enqueue(chunk: Uint8Array): void; close(): void }): Promise<void>;
      cancel(reason?: unknown): void;
    },
    strategy: { highWaterMark: number },
  ) => ByteStream;
  WritableStream: new (sink: {
    start?: (() => Promise<unknown>) | undefined;
    write(chunk: Chunk): Promise<void>;
    close(): void;
    abort(reason?: unknown): void;
  }) => ByteSink;
}

/** The runtime's own classes, typed as far as we use them. Looked up when used, never when loaded. */
export const platform = globalThis as unknown as Platform;
