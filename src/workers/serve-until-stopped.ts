// The life of a resident process: it serves until a signal, a limit or an uncaught error ends it, and then finishes what runs. It
// is the only process of its gateway, or one of a supervisor's workers.

import type { Server } from 'node:net';
import { toFunction } from '../gateway/application.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { ResidentServer } from '../resident/server.ts';
import { LONGEST_DELAY, startTimer } from '../timer.ts';
import type { Application, ApplicationFunction } from '../types.ts';
import { STOP_SIGNALS } from './stop-signals.ts';
import { DRAIN, onUncaught } from './uncaught.ts';
import { connectToSupervisor, type SupervisorChannel } from './worker-channel.ts';

export interface ProcessOptions {
  /** The name of the gateway in the log. */
  name: string;
  /** Requests after which the process ends, and a supervisor replaces it. Default: no limit. */
  maxRequests?: number | undefined;
  /** Milliseconds without a request after which the process ends, up to a quarter of them later. Default: no limit. */
  idleExit?: number | undefined;
  /** Milliseconds for running requests when the process ends, on top of any grace. Then they are broken off. Default: 30,000. */
  drain?: number | undefined;
  /** Whether the process is one of several workers, and a supervisor decides when it ends. Default: false. */
  isWorker?: boolean | undefined;
}

/** How often within the time of `idleExit` the process checks whether it has a request. */
const IDLE_CHECKS = 4;

/**
 * Serves `application` by the server of FastCGI or SCGI that `open` returns, until one of `STOP_SIGNALS` comes, a limit of the
 * options is reached, or an error is thrown that nobody catches. Then the server takes no more requests and answers those that
 * run.
 *
 * Resolves to an exit status: 1 after an uncaught error, otherwise 0. Rejects when the server cannot listen.
 */
export function serveUntilStopped(
  application: Application,
  open: (application: ApplicationFunction) => Server,
  options: ProcessOptions,
): Promise<number> {
  return new ResidentProcess(application, open, options).run();
}

class ResidentProcess {
  #name: string;
  #maxRequests: number;
  #idleExit: number | undefined;
  /** Milliseconds after which requests that still run are broken off. */
  #deadline: number;
  #errors = errorStream(process.stderr);
  #application: ApplicationFunction;
  #server: ResidentServer;
  #supervisor: SupervisorChannel | undefined;
  #requests = 0;
  /** Whether a request has come since the last check. */
  #hasNewRequest = false;
  /** How many checks in a row have found no request. */
  #idleChecks = 0;
  #isIdle = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #breakOffTimer: NodeJS.Timeout | undefined;
  #breakOff = (): void => {};
  /** Resolves when the deadline is over. */
  #brokenOff = new Promise<void>((resolve) => {
    this.#breakOff = resolve;
  });
  #status = 0;

  constructor(application: Application, open: (application: ApplicationFunction) => Server, options: ProcessOptions) {
    const { name, maxRequests = Infinity, idleExit, drain = DRAIN, isWorker = false } = options;
    this.#name = name;
    this.#maxRequests = maxRequests;
    this.#idleExit = idleExit;
    this.#application = toFunction(application);
    const server = open(this.#serve);
    if (!(server instanceof ResidentServer)) throw new TypeError('A resident process needs a server of FastCGI or SCGI');
    this.#server = server;
    this.#deadline = server.grace + drain;
    if (isWorker) {
      const supervisor = connectToSupervisor({
        end: () => this.#end(),
        leave: () => this.#leave(supervisor),
        adopt: (connection) => server.adopt(connection),
      });
      this.#supervisor = supervisor;
    }
  }

  async run(): Promise<number> {
    if (this.#idleExit !== undefined) {
      this.#idleTimer = setInterval(() => this.#checkIdle(), Math.min(this.#idleExit / IDLE_CHECKS, LONGEST_DELAY));
    }
    onUncaught({ name: this.#name, errors: this.#errors, deadline: this.#deadline, leave: () => this.#endBroken() });
    for (const signal of STOP_SIGNALS) process.on(signal, () => this.#stop());
    try {
      await this.#closed();
      await Promise.race([this.#server.exchangesOver(), this.#brokenOff]);
    } finally {
      clearInterval(this.#idleTimer);
      clearTimeout(this.#breakOffTimer);
    }
    return this.#status;
  }

  /** Resolves when the server has closed. Rejects when it cannot listen. */
  #closed(): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.on('close', resolve);
      server.on('error', reject);
      server.on('listening', () => {
        this.#supervisor?.send('listening');
        // A supervisor that ended while this worker loaded the application was gone before anyone listened for "disconnect".
        if (this.#supervisor && !process.connected) this.#end();
        // From now on an error means that one connection could not be accepted. The others go on.
        server.off('error', reject).on('error', (error) => this.#errors.write(formatFailure(this.#name, error)));
      });
    });
  }

  /** The application, with its requests counted. */
  #serve: ApplicationFunction = (environ, startResponse) => {
    this.#hasNewRequest = true;
    if (this.#isIdle) {
      this.#isIdle = false;
      this.#supervisor?.send('busy');
    }
    if (++this.#requests === this.#maxRequests) this.#stop();
    return this.#application(environ, startResponse);
  };

  /** Ends the process. A worker asks its supervisor, which knows whether to replace it or to end them all. */
  #stop(): void {
    this.#requests = 0;
    if (this.#supervisor && process.connected) this.#supervisor.send('replace');
    else this.#end();
  }

  /** Answers what runs, and closes what is idle. */
  #end(): void {
    this.#server.close();
    this.#limitDrain();
  }

  /** Answers what runs, and gives idle connections to another worker. */
  #leave(supervisor: SupervisorChannel): void {
    this.#server.closeAndHandOver((socket) => supervisor.handOver(socket));
    this.#limitDrain();
  }

  #endBroken(): void {
    this.#status = 1;
    this.#supervisor?.send('broken');
    if (this.#supervisor && process.connected) this.#leave(this.#supervisor);
    else this.#end();
  }

  #limitDrain(): void {
    this.#breakOffTimer ??= startTimer(this.#deadline, () => {
      this.#server.closeAllConnections();
      this.#breakOff();
    });
  }

  #checkIdle(): void {
    const isIdle = !this.#hasNewRequest && !this.#server.isBusy;
    this.#hasNewRequest = false;
    this.#idleChecks = isIdle ? this.#idleChecks + 1 : 0;
    // The first check that finds none may come right after a request.
    if (this.#idleChecks <= IDLE_CHECKS || this.#isIdle) return;
    this.#isIdle = true;
    if (this.#supervisor) this.#supervisor.send('idle');
    else this.#end();
  }
}
