// A worker as its primary process sees it: a process that runs the same command, on the socket that it inherits.

import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import type { Handle } from 'node:net';
import { INHERITED, type Said, type Told, WORKER } from './worker-channel.ts';

/** Milliseconds until a worker that does not listen has failed to start. */
const START = 60_000;
/** Milliseconds that a worker has, beyond its own deadline, to cut what still runs. */
const CUT = 2_000;

export interface WorkerEvents {
  up(): void;
  /** It should be replaced: it has answered enough requests, or somebody wants it to end. */
  replace(): void;
  /** It takes no more requests, and ends when it has answered those that it has. */
  broken(): void;
  idle(): void;
  /** It is done with this one. */
  connection(connection: Handle): void;
}

export class Worker {
  readonly began = Date.now();
  /** Whether it has come to listen; false when it has ended before. Never rejects. */
  readonly up: Promise<boolean>;
  /** Its exit status; null when a signal has ended it. Never rejects. */
  readonly ended: Promise<number | null>;
  isUp = false;
  isIdle = false;
  /** Whether it has been told to end. */
  isLeaving = false;
  /** Whether it has said so. */
  isBroken = false;
  /** Whether its end leaves a gap. */
  isSettled = false;
  /** Connections that it has been given and has not confirmed. */
  readonly given: Handle[] = [];
  /** How it ended, in words. */
  cause = '';
  #process: ChildProcess;

  constructor(socket: number, events: WorkerEvents) {
    const [, command = '', ...words] = process.argv;
    const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc'];
    stdio[INHERITED] = socket;
    const child = fork(command, words, { stdio, env: { ...process.env, [WORKER]: '1' } });
    this.#process = child;
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        this.isUp = false;
        this.cause = signal ? `by ${signal}` : `with exit status ${code}`;
        resolve(code);
      });
      // The system has no room for another process.
      child.on('error', (error) => {
        this.cause = `before it began (${error.message})`;
        if (child.pid === undefined) resolve(null);
      });
    });
    this.up = new Promise((resolve) => {
      const late = setTimeout(() => child.kill('SIGKILL'), START);
      child.on('message', (said: Said, connection?: Handle) => {
        if (said === 'up') {
          clearTimeout(late);
          this.isUp = true;
          resolve(true);
          events.up();
        } else if (said === 'replace') events.replace();
        else if (said === 'broken') events.broken();
        else if (said === 'busy') this.isIdle = false;
        else if (said === 'taken') this.given.shift()?.close();
        else if (said === 'connection' && connection) events.connection(connection);
        else if (said === 'idle') {
          this.isIdle = true;
          events.idle();
        }
      });
      this.ended.then(() => {
        clearTimeout(late);
        resolve(false);
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Until it says that it has taken it, `connection` is not lost with it. */
  give(connection: Handle): void {
    this.given.push(connection);
    this.#process.send('connection' satisfies Told, connection, () => {});
  }

  /** Lets it finish what runs, and kills it when it has not ended after `deadline` milliseconds. */
  async end(how: 'leave' | 'end', deadline: number): Promise<void> {
    const { isLeaving } = this;
    this.isLeaving = true;
    if (this.#process.connected) this.#process.send(how satisfies Told, () => {});
    // One that still loads its application hears only this.
    if (!this.isUp && !isLeaving) this.#process.kill('SIGTERM');
    const kill = setTimeout(() => this.#process.kill('SIGKILL'), deadline + CUT);
    await this.ended;
    clearTimeout(kill);
  }
}
