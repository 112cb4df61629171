// The supervisor of several processes that serve the same application on one socket: replaces workers when they crash, when
// they ask for it, and one by one when the code has changed, and ends them in good order. The connections of a worker that is
// replaced go on in another one, so that a web server which keeps connections notices nothing.

import type { ConnectionHandle } from '../node-internals/connection-passing.ts';
import type { SharedSocket } from './bind.ts';
import { STOP_SIGNALS } from './stop-signals.ts';
import { Worker } from './worker.ts';

/** Milliseconds after which a worker that has crashed is replaced. The delay doubles from crash to crash. */
const FIRST_RESTART_DELAY = 100;
/** The longest such delay, in milliseconds. */
const LONGEST_RESTART_DELAY = 10_000;
/** A worker that has lived for so many milliseconds was sound at its start, and the next delay is the first one again. */
const SOUND_AFTER = 1_000;

export interface SupervisorOptions {
  /** How many workers there are. */
  count: number;
  /** Milliseconds after which a worker that was told to end is killed. */
  deadline: number;
  /** Takes each line for the log. */
  log: (line: string) => void;
}

/**
 * Runs workers on `socket` until one of `STOP_SIGNALS` comes, or all of them are idle. Resolves when the last one has
 * ended, to an exit status: that of the first worker if it never listens, otherwise 0. On SIGHUP workers are replaced in turn:
 * a new one starts, then an old one leaves.
 */
export async function runWorkers(socket: SharedSocket, options: SupervisorOptions): Promise<number> {
  return new Supervisor(socket, options).run();
}

class Supervisor {
  #socket: SharedSocket;
  #options: SupervisorOptions;
  #workers = new Set<Worker>();
  /** Workers that take no more requests after an error that nobody caught. */
  #broken = new Set<Worker>();
  /** Connections that wait for a worker, the oldest first. */
  #waiting: ConnectionHandle[] = [];
  #delay = FIRST_RESTART_DELAY;
  #isEnding = false;
  /** The end of the queue of replacements, which run one at a time, and not before the first worker listens. */
  #replacements = Promise.resolve();
  /** Whether a reload waits in the queue. */
  #isReloadQueued = false;
  /** Ends the gateway. */
  #stop = (): void => {};

  constructor(socket: SharedSocket, options: SupervisorOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  async run(): Promise<number> {
    const { count } = this.#options;
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
      for (const signal of STOP_SIGNALS) process.on(signal, () => resolve());
    });
    process.on('SIGHUP', () => this.#reload());

    // One worker starts before the others: an application that is broken then says so once.
    const first = this.#start();
    let beginReplacements = (): void => {};
    this.#replacements = new Promise((resolve) => {
      beginReplacements = resolve;
    });
    const isListening = await Promise.race([first.started, stopped]);
    if (isListening === false) {
      this.#socket.close();
      return (await first.ended) ?? 1;
    }
    if (isListening) {
      try {
        this.#socket.publish();
      } catch (error) {
        this.#isEnding = true;
        this.#socket.close();
        await first.end('end', this.#options.deadline);
        throw error;
      }
      first.isNeeded = true;
      for (let others = 1; others < count; others++) this.#start().isNeeded = true;
      beginReplacements();
      await stopped;
    }
    this.#isEnding = true;
    this.#socket.close();
    for (const connection of this.#waiting) connection.close();
    await Promise.all([...this.#workers].map((worker) => worker.end('end', this.#options.deadline)));
    return 0;
  }

  #start(): Worker {
    const worker = new Worker(this.#socket.fd, {
      listening: () => this.#giveWaiting(),
      replace: () => this.#enqueue(() => this.#replace(worker)),
      broken: () => this.#onBroken(worker),
      idle: () => this.#stopIfIdle(),
      connection: (connection) => this.#passOn(connection),
      taken: () => this.#giveWaiting(),
    });
    this.#workers.add(worker);
    worker.ended.then(() => this.#onEnded(worker));
    return worker;
  }

  /** Passes a connection that a worker has given away on to another worker. */
  #passOn(connection: ConnectionHandle): void {
    if (this.#isEnding) {
      connection.close();
    } else {
      this.#waiting.push(connection);
      this.#giveWaiting();
    }
  }

  /**
   * Gives the connections that wait to the workers in turn. Each worker gets one at a time: one that is busy, or about to break, then holds
   * up a single connection.
   */
  #giveWaiting(): void {
    for (const worker of [...this.#workers]) {
      if (!worker.takesConnection) continue;
      const connection = this.#waiting.shift();
      if (!connection) return;
      // A set keeps the order of insertion: this worker is the last one next time.
      this.#workers.delete(worker);
      this.#workers.add(worker);
      worker.give(connection);
    }
  }

  /** Ends the gateway if no worker has anything to do. Each says once that it is idle, while another one may still end. */
  #stopIfIdle(): void {
    if (this.#workers.size > 0 && [...this.#workers].every(({ isIdle }) => isIdle)) this.#stop();
  }

  #onEnded(worker: Worker): void {
    this.#workers.delete(worker);
    this.#broken.delete(worker);
    // A worker that was told to end, or that is being replaced, has a successor already, or needs none.
    if (this.#isEnding || worker.isEnding || !worker.isNeeded) this.#stopIfIdle();
    else this.#startAnother(worker, `ended ${worker.cause}`);
  }

  /** Replaces a broken worker, which still answers what runs. There are never more broken workers than sound ones. */
  #onBroken(worker: Worker): void {
    this.#broken.add(worker);
    worker.end('leave', this.#options.deadline);
    if (this.#isEnding || !worker.isNeeded) return; // another worker replaces it already
    worker.isNeeded = false;
    this.#startAnother(worker, 'takes no more requests');
    // A set keeps the order of insertion: the first worker in it has been broken for the longest time.
    const [first] = this.#broken;
    if (!first || this.#broken.size <= this.#options.count) return;
    this.#options.log(`worker ${first.pid} is killed with its unfinished requests, because others have broken since`);
    first.end('end', 0);
  }

  /** Starts another worker in the place of `worker`, after a delay. `what` says in the log what happened to it. */
  #startAnother(worker: Worker, what: string): void {
    if (Date.now() - worker.startedAt > SOUND_AFTER) this.#delay = FIRST_RESTART_DELAY;
    this.#options.log(`worker ${worker.pid} ${what}; another one begins in ${this.#delay} ms`);
    this.#startAfterDelay();
  }

  #startAfterDelay(): void {
    setTimeout(() => {
      if (!this.#isEnding) this.#start().isNeeded = true;
    }, this.#delay);
    this.#delay = Math.min(this.#delay * 2, LONGEST_RESTART_DELAY);
  }

  #enqueue(replacement: () => Promise<unknown>): void {
    this.#replacements = this.#replacements.then(async () => {
      if (!this.#isEnding) await replacement();
    });
  }

  /** Replaces all workers, one after another. Does nothing while an earlier reload still waits in the queue. */
  #reload(): void {
    if (this.#isReloadQueued) return;
    this.#isReloadQueued = true;
    this.#enqueue(async () => {
      this.#isReloadQueued = false;
      for (const old of [...this.#workers]) {
        if (!(await this.#replace(old))) return;
      }
    });
  }

  /** Starts a new worker, then lets `old` leave. Resolves to false when the new one does not start; then the old one stays. */
  async #replace(old: Worker): Promise<boolean> {
    if (this.#isEnding) return false;
    // A worker that is broken, or leaves, has a successor already.
    if (!this.#workers.has(old) || old.isEnding) return true;
    old.isNeeded = false;
    const fresh = this.#start();
    if (await fresh.started) {
      fresh.isNeeded = true;
      await old.end('leave', this.#options.deadline);
      return true;
    }
    if (this.#isEnding) return false;
    if (this.#workers.has(old)) {
      old.isNeeded = true;
      this.#options.log(`worker ${fresh.pid} did not start; worker ${old.pid} stays`);
    } else {
      this.#options.log(`worker ${fresh.pid} did not start, and worker ${old.pid} has ended; another one begins in ${this.#delay} ms`);
      this.#startAfterDelay();
    }
    return false;
  }
}
