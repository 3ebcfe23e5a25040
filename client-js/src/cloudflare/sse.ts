/** Server-sent events as the standard has them: read from bytes, written as bytes. */

/** Characters that one event may have; more is refused, because all of it is in memory. */
const MAX_EVENT = 32 << 20;

/**
 * Reads the stream's events: CR, LF and CRLF end a line, also when they are cut in two chunks; several `data` lines are one
 * event; a BOM, comments and other fields are skipped; a character that is cut in two chunks is whole. An event that the
 * stream ends in the middle of is told, too, as the stock package does.
 */
export class EventReader {
  readonly #decoder = new TextDecoder();
  /** The beginning of a line whose end has not come; in pieces, so that a long one is not copied again and again. */
  #line: string[] = [];
  #data: string[] = [];
  #size = 0;
  #afterCr = false;

  /** The events that are complete with these bytes. @throws RangeError when one is larger than 32 MiB of text. */
  push(bytes: Uint8Array): string[] {
    return this.#read(this.#decoder.decode(bytes, { stream: true }));
  }

  /** No more will come: the event that was not ended. */
  end(): string[] {
    const events = this.#read(this.#decoder.decode());
    if (this.#line.length > 0) this.#take("", events);
    this.#take("", events);
    return events;
  }

  #read(text: string): string[] {
    const events: string[] = [];
    let from = 0;
    if (this.#afterCr && text.length > 0) {
      this.#afterCr = false;
      if (text[0] === "\n") from = 1;
    }
    const ends = /\r\n|\r|\n/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.#take(text.slice(from, end.index), events);
      from = ends.lastIndex;
      // Its LF may be in the next chunk.
      if (end[0] === "\r" && from === text.length) this.#afterCr = true;
    }
    if (from < text.length) this.#keep(text.slice(from), this.#line);
    return events;
  }

  /** A line is complete. */
  #take(rest: string, events: string[]): void {
    const line = this.#line.length > 0 ? this.#line.join("") + rest : rest;
    this.#line = [];
    if (line === "") {
      if (this.#data.length > 0) events.push(this.#data.join("\n"));
      this.#data = [];
      this.#size = 0;
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return;
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    this.#keep(value, this.#data);
  }

  #keep(text: string, where: string[]): void {
    this.#size += text.length;
    if (this.#size > 2 * MAX_EVENT) throw new RangeError(`an event is larger than ${MAX_EVENT} characters`);
    where.push(text);
  }
}

const encoder = new TextEncoder();

/** An event with this data; line ends in it become lines of the event. */
export function eventBytes(data: string): Uint8Array<ArrayBuffer> {
  const text = /[\r\n]/.test(data) ? data.split(/\r\n|\r|\n/).join("\ndata: ") : data;
  return encoder.encode(`data: ${text}\n\n`) as Uint8Array<ArrayBuffer>;
}
