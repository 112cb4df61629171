// One run of a CGI program, from its start to the end of its whole process group: its input, its output,
// its standard error, and for how long it is waited for.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { drained } from '../gateway/pipe-input.ts';
import type { ErrorStream } from '../types.ts';
import { type Command, launch } from './launch.ts';
import { logLines } from './log.ts';

/** Milliseconds from SIGTERM to SIGKILL, and from the end of a response to SIGTERM; Apache's figure. */
const GRACE = 3_000;
/** For how many milliseconds of silence a program's children hold its response or its log open when it has ended itself. */
const LINGER = 1_000;

/** A program has given nothing, and taken nothing of its input, for as long as it may. */
export class TooSlow extends Error {}

export class Program {
  #child: ChildProcess;
  #stdin: Writable | null;
  #stdout: Readable;
  #logged: Promise<void>;
  #ended: Promise<void>;
  #timeout: number;
  #failure: unknown;
  /** The client is what we wait for: it has not sent the next bytes of the body. */
  #awaitsInput = false;
  #hasTerm = false;
  #wake = () => {};

  /**
   * Starts `command`, with `input` on its standard input. Its standard error goes to `errors`; silence of
   * more than `timeout` milliseconds is an error. Rejects with what `spawn` of node:child_process reports.
   */
  static async start(command: Command, input: AsyncIterable<Buffer> | undefined, errors: ErrorStream, timeout: number): Promise<Program> {
    const child = launch(command, input !== undefined);
    await once(child, 'spawn');
    const { stdin, stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    const program = new Program(child, stdin, stdout, logLines(stderr, errors), timeout);
    if (input) program.#feed(input);
    return program;
  }

  private constructor(child: ChildProcess, stdin: Writable | null, stdout: Readable, logged: Promise<void>, timeout: number) {
    this.#child = child;
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#logged = logged;
    this.#timeout = timeout;
    const wake = () => this.#wake();
    stdout.on('readable', wake).on('end', wake).on('close', wake).on('error', wake);
    stdin?.on('error', () => {}); // EPIPE: a program need not read its input
    child.on('error', () => {});
    this.#ended = new Promise((resolve) => child.on('exit', () => resolve()));
    this.#ended.then(wake);
    running.add(this);
  }

  /**
   * Returns the next bytes of the output, undefined at its end: when all who could write to it have closed
   * it, or, once the program has ended, when its children have been silent for a second. Throws what reading
   * the input threw, and a `TooSlow`.
   */
  async read(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const block: Buffer | null = this.#stdout.read();
      if (block !== null) return block;
      if (this.#stdout.readableEnded || this.#stdout.destroyed) return undefined;
      await this.#change();
    }
  }

  /** Whether `read()` has something to return at once. */
  get hasMore(): boolean {
    return this.#stdout.readableLength > 0 || this.#stdout.readableEnded || this.end !== undefined;
  }

  /** How the program has ended, for a message; undefined while it runs. */
  get end(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    return signalCode !== null ? `by ${signalCode}` : exitCode !== null ? `with exit status ${exitCode}` : undefined;
  }

  /** Resolves when the program has ended and all it said is logged, or after a second. */
  async settled(): Promise<void> {
    await within(LINGER, Promise.all([this.#ended, this.#logged]));
  }

  /**
   * The request is over. A program that has answered completely has three seconds to end by itself. Any other,
   * and what it has started in its process group, gets SIGTERM, and SIGKILL three seconds later.
   */
  async close(isAnswered: boolean): Promise<void> {
    const hasEnded = this.end !== undefined && this.#stdout.readableEnded;
    if (isAnswered) await within(GRACE, this.#finish());
    if (isAnswered ? this.end === undefined : !hasEnded) {
      this.#signal('SIGTERM');
      this.#stdout.destroy();
      for (let waited = 0; waited < GRACE && this.#signal(0); waited += 20) await sleep(20);
      this.#signal('SIGKILL');
    }
    this.#stdin?.destroy();
    this.#stdout.destroy();
    await this.settled();
    this.#child.stderr?.destroy();
    running.delete(this);
  }

  /** This process ends, and cannot wait any longer. */
  abandon(): void {
    this.#signal(this.#hasTerm ? 'SIGKILL' : 'SIGTERM');
  }

  async #feed(input: AsyncIterable<Buffer>): Promise<void> {
    const stdin = this.#stdin;
    if (stdin === null) return;
    try {
      this.#awaitsInput = true;
      for await (const block of input) {
        this.#awaitsInput = false;
        if (stdin.destroyed) return;
        if (!stdin.write(block)) await drained(stdin);
        this.#wake();
        this.#awaitsInput = true;
      }
      stdin.end();
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#awaitsInput = false;
      this.#wake();
    }
  }

  /** A program may have more to say than its client wants. RFC 3875 #50 */
  async #finish(): Promise<void> {
    try {
      while ((await this.read()) !== undefined);
    } catch {
      // nobody waits for it any more
    }
    await this.#ended;
  }

  /** Waits until there may be something to read, or until that would be too long. */
  async #change(): Promise<void> {
    const patience = this.end === undefined ? this.#timeout : LINGER;
    const changed = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (await within(patience, changed)) return;
    if (this.end !== undefined) this.#stdout.destroy();
    else if (!this.#awaitsInput) this.#failure = new TooSlow(`it was silent for ${patience} ms`);
  }

  /** Whether there was anybody to send it to. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (signal === 'SIGTERM') this.#hasTerm = true;
    try {
      return process.kill(-(this.#child.pid as number), signal);
    } catch {
      return false;
    }
  }
}

/** Programs that lead a process group of their own do not end together with this process by themselves. */
const running = new Set<Program>();
process.on('exit', () => {
  for (const program of running) program.abandon();
});

/** Whether `promise` resolves in `milliseconds`. */
function within(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = milliseconds === Infinity ? undefined : setTimeout(resolve, Math.min(milliseconds, 2 ** 31 - 1), false);
    promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
