// A worker as its supervisor sees it: a child process that runs the same command on the socket that it inherits.

import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import { type ConnectionHandle, isConnectionHandle, sendHandle } from '../node-internals/connection-passing.ts';
import { startTimer } from '../timer.ts';
import { INHERITED, type SupervisorMessage, WORKER, type WorkerMessage } from './worker-channel.ts';

/** Milliseconds after which a worker that does not listen yet has failed to start. */
const START_TIMEOUT = 60_000;
/** Milliseconds, beyond a worker's own deadline, after which the supervisor kills it. */
const KILL_DELAY = 2_000;
/** Milliseconds between two looks whether the last messages of a worker that has ended have come. */
const LAST_MESSAGES = 10;

/** Called when a worker says something. */
export interface WorkerEvents {
  listening(): void;
  /** The worker should be replaced: it has answered enough requests, or a signal asks it to end. */
  replace(): void;
  /** The worker takes no more requests, and ends when those that run are answered. */
  broken(): void;
  idle(): void;
  /** The worker gives a connection away, or has ended before it took the one that it was given. */
  connection(connection: ConnectionHandle): void;
  /** The worker has taken the connection that it was given, or sent it back. */
  taken(): void;
}

export class Worker {
  readonly startedAt = Date.now();
  /** Resolves to true when the worker listens, or to false when it ends before that. Never rejects. */
  readonly started: Promise<boolean>;
  /** Resolves when the worker has ended, to its exit status, or to null after a signal. Never rejects. */
  readonly ended: Promise<number | null>;
  isListening = false;
  isIdle = false;
  /** Whether the supervisor has told it to end. */
  isEnding = false;
  /** Whether it is one of the workers that must be there: when it ends unasked, another one starts in its place. */
  isNeeded = false;
  /** The connection that the worker was given and has not confirmed. It is not lost with the worker. */
  #unconfirmed: ConnectionHandle | undefined;
  /** How the worker ended, for the log: "by SIGKILL", "with exit status 1". */
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
        this.isListening = false;
        this.cause = signal ? `by ${signal}` : `with exit status ${code}`;
        resolve(code);
      });
      // Without a pid the system had no room for another process, and no "exit" follows.
      child.on('error', (error) => {
        this.cause = `before it began (${error.message})`;
        if (child.pid === undefined) resolve(null);
      });
    });
    this.started = new Promise((resolve) => {
      const tooLate = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT);
      child.on('message', (message: WorkerMessage, connection?: unknown) => {
        if (message === 'listening') {
          clearTimeout(tooLate);
          this.isListening = true;
          resolve(true);
          events.listening();
        } else if (message === 'replace') events.replace();
        else if (message === 'broken') events.broken();
        else if (message === 'busy') this.isIdle = false;
        else if (message === 'taken') {
          this.#unconfirmed?.close();
          this.#unconfirmed = undefined;
          events.taken();
        } else if (message === 'connection' && isConnectionHandle(connection)) events.connection(connection);
        else if (message === 'idle') {
          this.isIdle = true;
          events.idle();
        }
      });
      this.ended.then(() => {
        clearTimeout(tooLate);
        resolve(false);
      });
    });
    this.ended.then(() => this.#returnUnconfirmed(events));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Whether the worker can be given a connection: it listens, is not about to end, and has taken the last one. */
  get takesConnection(): boolean {
    return this.isListening && !this.isEnding && this.#unconfirmed === undefined;
  }

  /** Gives a connection to the worker. */
  give(connection: ConnectionHandle): void {
    this.#unconfirmed = connection;
    const message: SupervisorMessage = 'connection';
    sendHandle(this.#process, message, connection, () => {});
  }

  /** Returns a connection that the worker has not taken, once its last message has come: that may be the one that confirms it. */
  #returnUnconfirmed(events: WorkerEvents): void {
    if (this.#process.connected) {
      // "disconnect" does not come when the worker has ended before it took the connection.
      setTimeout(() => this.#returnUnconfirmed(events), LAST_MESSAGES);
      return;
    }
    const connection = this.#unconfirmed;
    this.#unconfirmed = undefined;
    if (connection) events.connection(connection);
  }

  /** Lets the worker answer what runs, and kills it when it has not ended after `deadline` milliseconds. */
  async end(how: 'leave' | 'end', deadline: number): Promise<void> {
    const { isEnding } = this;
    this.isEnding = true;
    const message: SupervisorMessage = how;
    if (this.#process.connected) this.#process.send(message, () => {});
    // A worker that still loads its application reads no messages, and a signal ends it.
    if (!this.isListening && !isEnding) this.#process.kill('SIGTERM');
    const kill = startTimer(deadline + KILL_DELAY, () => this.#process.kill('SIGKILL'));
    await this.ended;
    clearTimeout(kill);
  }
}
