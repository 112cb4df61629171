// Several processes that serve the same application on one socket: they are replaced when they crash, when they ask
// for it, and one by one when the code has changed; and ended in good order. Who replaces another one gets its
// connections, too: a web server that keeps them notices nothing.

import type { Handle } from 'node:net';
import type { Bound } from './bind.ts';
import { Worker } from './worker.ts';

/** Milliseconds before a worker that has crashed is replaced: doubled from crash to crash. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** A worker that has lived this long, in milliseconds, was not broken from the beginning. */
const SOUND = 1_000;

export interface WorkersOptions {
  count: number;
  /** Milliseconds after which a worker that is to end is killed. */
  deadline: number;
  /** Is told what happens. */
  log: (line: string) => void;
}

/**
 * Runs workers on `bound` until SIGTERM, SIGINT or SIGUSR1 comes, or all are idle, and resolves when the last one has
 * ended. On SIGHUP each is replaced in turn: a new one first, then the old one leaves. Returns an exit status: that of the
 * first worker, if it never listens; 0 otherwise.
 */
export async function runWorkers(bound: Bound, options: WorkersOptions): Promise<number> {
  return new Workers(bound, options).run();
}

class Workers {
  #bound: Bound;
  #options: WorkersOptions;
  #workers = new Set<Worker>();
  /** Connections without a worker. */
  #waiting: Handle[] = [];
  #delay = FIRST_DELAY;
  #isEnding = false;
  /** One replacement at a time, and none before the first worker is up. */
  #replacements = Promise.resolve();
  #isReloadAhead = false;
  /** Ends it all. */
  #end = (): void => {};

  constructor(bound: Bound, options: WorkersOptions) {
    this.#bound = bound;
    this.#options = options;
  }

  async run(): Promise<number> {
    const { count } = this.#options;
    const told = new Promise<void>((resolve) => {
      this.#end = resolve;
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) process.on(signal, () => resolve());
    });
    process.on('SIGHUP', () => this.#reload());

    // What is wrong with the application is said once: by the first.
    const first = this.#start();
    let begun = (): void => {};
    this.#replacements = new Promise((resolve) => {
      begun = resolve;
    });
    const isUp = await Promise.race([first.up, told]);
    if (isUp === false) {
      this.#bound.close();
      return (await first.ended) ?? 1;
    }
    if (isUp) {
      try {
        this.#bound.open();
      } catch (error) {
        this.#isEnding = true;
        this.#bound.close();
        await first.end('end', this.#options.deadline);
        throw error;
      }
      first.isSettled = true;
      for (let others = 1; others < count; others++) this.#start().isSettled = true;
      begun();
      await told;
    }
    this.#isEnding = true;
    this.#bound.close();
    for (const connection of this.#waiting) connection.close();
    await Promise.all([...this.#workers].map((worker) => worker.end('end', this.#options.deadline)));
    return 0;
  }

  #start(): Worker {
    const worker = new Worker(this.#bound.fd, {
      up: () => {
        for (const connection of this.#waiting.splice(0)) this.#place(connection);
      },
      replace: () => this.#queue(() => this.#replace(worker)),
      broken: () => this.#broken(worker),
      idle: () => {
        if ([...this.#workers].every(({ isIdle }) => isIdle)) this.#end();
      },
      connection: (connection) => this.#place(connection),
    });
    this.#workers.add(worker);
    worker.ended.then(() => this.#ended(worker));
    return worker;
  }

  /** Gives a connection that an old worker is done with, or that one has not taken, to the next one. */
  #place(connection: Handle): void {
    const [next] = [...this.#workers].filter((worker) => worker.isUp && !worker.isLeaving);
    if (this.#isEnding) {
      connection.close();
    } else if (next) {
      // It goes to the end of the row.
      this.#workers.delete(next);
      this.#workers.add(next);
      next.give(connection);
    } else {
      this.#waiting.push(connection);
    }
  }

  #ended(worker: Worker): void {
    this.#workers.delete(worker);
    for (const connection of worker.given.splice(0)) this.#place(connection);
    if (this.#isEnding || worker.isLeaving || !worker.isSettled) return; // somebody else sees to it
    this.#again(worker, `ended ${worker.cause}`);
  }

  /** As after a crash. Of those that have requests to finish there are never more than of those that work. */
  #broken(worker: Worker): void {
    worker.isBroken = true;
    worker.end('leave', this.#options.deadline);
    if (this.#isEnding || !worker.isSettled) return; // somebody else sees to it
    worker.isSettled = false;
    this.#again(worker, 'takes no more requests');
    const broken = [...this.#workers].filter(({ isBroken }) => isBroken);
    const [oldest] = broken;
    if (!oldest || broken.length <= this.#options.count) return;
    this.#options.log(`worker ${oldest.pid} is killed, whatever it has to finish: others have broken since`);
    oldest.end('end', 0);
  }

  #again(worker: Worker, what: string): void {
    if (Date.now() - worker.began > SOUND) this.#delay = FIRST_DELAY;
    this.#options.log(`worker ${worker.pid} ${what}; another one begins in ${this.#delay} ms`);
    this.#startLater();
  }

  #startLater(): void {
    setTimeout(() => {
      if (!this.#isEnding) this.#start().isSettled = true;
    }, this.#delay);
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
  }

  #queue(step: () => Promise<unknown>): void {
    this.#replacements = this.#replacements.then(async () => {
      if (!this.#isEnding) await step();
    });
  }

  /** What comes while a reload has not begun is the same one. */
  #reload(): void {
    if (this.#isReloadAhead) return;
    this.#isReloadAhead = true;
    this.#queue(async () => {
      this.#isReloadAhead = false;
      for (const old of [...this.#workers]) {
        if (!(await this.#replace(old))) return;
      }
    });
  }

  /** The new one first; false when it does not start, and so the old one stays. */
  async #replace(old: Worker): Promise<boolean> {
    if (this.#isEnding) return false;
    if (!this.#workers.has(old)) return true;
    old.isSettled = false;
    const fresh = this.#start();
    if (await fresh.up) {
      fresh.isSettled = true;
      await old.end('leave', this.#options.deadline);
      return true;
    }
    if (this.#isEnding) return false;
    if (this.#workers.has(old)) {
      old.isSettled = true;
      this.#options.log(`worker ${fresh.pid} did not start; worker ${old.pid} stays`);
    } else {
      this.#options.log(`worker ${fresh.pid} did not start, and worker ${old.pid} has ended; another one begins in ${this.#delay} ms`);
      this.#startLater();
    }
    return false;
  }
}
