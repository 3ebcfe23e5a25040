/** The cutting proxy of the Rust tests, as a process: it does to connections what networks do. */

import { binary, Program } from "./program.ts";

/** One way through the proxy: `up` is from the client to the server. */
export type Direction = "up" | "down";

/** How a connection is ended: RST, or FIN in the middle of whatever was going on. */
export type Cut = "reset" | "finish";

/** What went through, since the start. */
export interface Counters {
  /** Bytes handed to the server. */
  readonly up: number;
  /** Bytes handed to clients. */
  readonly down: number;
  /** Connections accepted and passed on. */
  readonly connections: number;
  /** Connections reset at once, because of {@link CuttingProxy.refuse}. */
  readonly refused: number;
  /** Connections that were cut. */
  readonly cuts: number;
  /** Connections open now. */
  readonly open: number;
}

/** A running proxy. Each method resolves when the proxy has taken it in. */
export class CuttingProxy {
  readonly #program: Program;
  /** Those who wait for an answer, in order. */
  readonly #waiting: ((line: string) => void)[] = [];

  private constructor(program: Program) {
    this.#program = program;
    program.onLine(line => this.#waiting.shift()?.(line));
  }

  /** Passes connections on to `upstream`, `127.0.0.1:PORT`. */
  static async start(upstream: string): Promise<CuttingProxy> {
    return new CuttingProxy(await Program.start(binary("sandwire-proxy"), { args: ["--upstream", upstream] }));
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return this.#program.address;
  }

  /** Where clients connect. */
  get url(): string {
    return `ws://${this.address}/v1/connect`;
  }

  /** Where browsers look. */
  get origin(): string {
    return `http://${this.address}`;
  }

  /** Cuts all connections that are open. */
  async cut(how: Cut = "reset"): Promise<void> {
    await this.#tell(`cut ${how}`);
  }

  /** Cuts the connection that carries the `bytes`-th byte from now, right behind it. Once. */
  async cutAfter(direction: Direction, bytes: number, how: Cut = "reset"): Promise<void> {
    await this.#tell(`cut-after ${direction} ${bytes} ${how}`);
  }

  /** Cuts each new connection behind `least` to `most` bytes, as the seed says. */
  async cutRandomly(seed: number, least: number, most: number): Promise<void> {
    await this.#tell(`cut-randomly ${seed} ${least} ${most}`);
  }

  /** No planned cuts any more. */
  async keepWhole(): Promise<void> {
    await this.#tell("keep-whole");
  }

  /** Passes nothing on, while all connections stay open. */
  async stall(direction: Direction): Promise<void> {
    await this.#tell(`stall ${direction}`);
  }

  /** Ends {@link stall}. */
  async resume(direction: Direction): Promise<void> {
    await this.#tell(`resume ${direction}`);
  }

  /** Each byte comes so many milliseconds later. */
  async delay(direction: Direction, ms: number): Promise<void> {
    await this.#tell(`delay ${direction} ${ms}`);
  }

  /** Most bytes a second of each connection; 0 for no bound. */
  async throttle(direction: Direction, bytesPerSecond: number): Promise<void> {
    await this.#tell(`throttle ${direction} ${bytesPerSecond}`);
  }

  /** Passes on pieces of a random size up to this; 0 for as they come. */
  async split(direction: Direction, most: number): Promise<void> {
    await this.#tell(`split ${direction} ${most}`);
  }

  /** Resets new connections at once. */
  async refuse(): Promise<void> {
    await this.#tell("refuse");
  }

  /** Ends {@link refuse}. */
  async accept(): Promise<void> {
    await this.#tell("accept");
  }

  /** What went through. */
  async counters(): Promise<Counters> {
    return JSON.parse(await this.#tell("counters")) as Counters;
  }

  /** Ends it, and all connections through it. */
  stop(): Promise<void> {
    return this.#program.kill();
  }

  async #tell(command: string): Promise<string> {
    const answer = await new Promise<string>(resolve => {
      this.#waiting.push(resolve);
      this.#program.say(command);
    });
    if (answer.startsWith("error")) throw new Error(`the proxy does not take \`${command}\`: ${answer}`);
    return answer;
  }
}
