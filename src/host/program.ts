// One run of a CGI program, from its start to the end of its whole process group: feeds its input, reads its output, logs its
// standard error, and ends it when it takes too long.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { drained } from '../gateway/pipe-input.ts';
import { startTimer } from '../timer.ts';
import type { ErrorStream } from '../types.ts';
import { type Command, launch } from './launch.ts';
import { logLines } from './log-lines.ts';

/** Milliseconds from SIGTERM to SIGKILL, and from the end of a response to SIGTERM. Apache has the same. */
const GRACE = 3_000;
/** Milliseconds of silence for which children of a program that has ended may hold its response or its log open. */
const LINGER = 1_000;

/** A program has neither written output nor read input for as long as it may. The message is a clause about "it". */
export class ProgramTimeout extends Error {}

export class Program {
  #child: ChildProcess;
  #stdin: Writable | null;
  #stdout: Readable;
  /** Resolves when all of standard error is in the log. */
  #logged: Promise<void>;
  /** Resolves when the program has ended. */
  #ended: Promise<void>;
  #timeout: number;
  /** What the next `read` throws. */
  #failure: unknown;
  /** Whether the client has yet to send the next bytes of the body, so that the program is not to blame for its silence. */
  #awaitsInput = false;
  #hasSentTerm = false;
  /** Ends the wait for a change. */
  #wake = () => {};

  /**
   * Starts `command` with `input` on its standard input. Its standard error goes to `errors`. If it is silent for more than
   * `timeout` milliseconds, `read` throws. Rejects with the error that `spawn` of node:child_process reports.
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
   * Returns the next bytes of the output, and undefined at its end: when all processes that could write to it have closed it, or
   * when the program has ended and its children have been silent for a second. Throws a `ProgramTimeout`, and the error with
   * which reading the input has failed.
   */
  async read(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const block: Buffer | null = this.#stdout.read();
      if (block !== null) return block;
      if (this.#stdout.readableEnded || this.#stdout.destroyed) return undefined;
      await this.#waitForChange();
    }
  }

  /** Whether `read()` returns at once. */
  get hasMore(): boolean {
    return this.#stdout.readableLength > 0 || this.#stdout.readableEnded || this.end !== undefined;
  }

  /** How the program has ended, for a message: "with exit status 1"; undefined while it runs. */
  get end(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    return signalCode !== null ? `by ${signalCode}` : exitCode !== null ? `with exit status ${exitCode}` : undefined;
  }

  /** Resolves when the program has ended and its standard error is logged, or after a second. */
  async exited(): Promise<void> {
    await within(LINGER, Promise.all([this.#ended, this.#logged]));
  }

  /**
   * Ends the program. If its response `isComplete`, it has three seconds to end by itself. After that, or otherwise at once, its
   * process group gets SIGTERM, and SIGKILL three seconds later.
   */
  async close(isComplete: boolean): Promise<void> {
    const hasEnded = this.end !== undefined && this.#stdout.readableEnded;
    if (isComplete) await within(GRACE, this.#drain());
    if (isComplete ? this.end === undefined : !hasEnded) {
      this.#signal('SIGTERM');
      this.#stdout.destroy();
      for (let waited = 0; waited < GRACE && this.#signal(0); waited += 20) await sleep(20);
      this.#signal('SIGKILL');
    }
    this.#stdin?.destroy();
    this.#stdout.destroy();
    await this.exited();
    this.#child.stderr?.destroy();
    running.delete(this);
  }

  /** Signals the process group without waiting, because this process ends. */
  abandon(): void {
    this.#signal(this.#hasSentTerm ? 'SIGKILL' : 'SIGTERM');
  }

  /** Writes `input` to the standard input. */
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

  /** Reads and drops the rest of the output, of which the client wants no more, until the program has ended. RFC 3875 #50 */
  async #drain(): Promise<void> {
    try {
      while ((await this.read()) !== undefined);
    } catch {
      // The response is complete already.
    }
    await this.#ended;
  }

  /** Waits until there may be something to read, or until the wait has been too long. */
  async #waitForChange(): Promise<void> {
    const limit = this.end === undefined ? this.#timeout : LINGER;
    const changed = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (await within(limit, changed)) return;
    if (this.end !== undefined) this.#stdout.destroy();
    else if (!this.#awaitsInput) this.#failure = new ProgramTimeout(`it was silent for ${limit} ms`);
  }

  /** Sends `signal` to the process group. Returns false if no process is left in it. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (signal === 'SIGTERM') this.#hasSentTerm = true;
    try {
      return process.kill(-(this.#child.pid as number), signal);
    } catch {
      return false;
    }
  }
}

/** Programs that have to be ended with this process: as leaders of process groups of their own they do not end by themselves. */
const running = new Set<Program>();
process.on('exit', () => {
  for (const program of running) program.abandon();
});

/** Resolves to whether `promise` resolves within `milliseconds`. */
function within(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = startTimer(milliseconds, () => resolve(false));
    promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
