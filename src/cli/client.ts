// The client of the command `request`: it sends requests to an application in this process, one after another, and sees to
// it that the application is closed, whatever ends the process early.

import { guardProcess } from '../cgi/lifetime.ts';
import { checkBodySize } from '../environ/body-length.ts';
import { toFunction } from '../gateway/application.ts';
import { Exchange } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { clientGone } from '../gateway/interruptions.ts';
import type { Loaded } from '../load/application.ts';
import { requestEnviron } from '../testing/request.ts';
import type { ApplicationFunction, ErrorStream, Header } from '../types.ts';
import { type Body, lengthOf, sourceOf } from './request-body.ts';
import type { Outputs, ResponseOutput } from './response-output.ts';

export interface ClientRequest {
  method: string;
  /** A path, or a whole URL. */
  target: string;
  headers: readonly Header[];
  body: Body | undefined;
}

const SIGNALS = [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const;

export class Client {
  readonly #loaded: Loaded;
  readonly #outputs: Outputs;
  readonly #log: ErrorStream;
  #exchange: Exchange | undefined;

  constructor(loaded: Loaded, outputs: Outputs, log: ErrorStream) {
    this.#loaded = loaded;
    this.#outputs = outputs;
    this.#log = log;
  }

  /** Resolves when the response is out and the application closed. */
  async send({ method, target, headers, body }: ClientRequest, output: ResponseOutput): Promise<void> {
    const { application, options } = this.#loaded;
    const environ = requestEnviron({ method, path: target, headers, environ: options.env ?? {} }, body && sourceOf(body), this.#log);
    const others = headers.filter(([name]) => name.toLowerCase() !== 'host');
    output.sent([`${method} ${environ.REQUEST_URI} ${environ.SERVER_PROTOCOL}`, ['Host', String(environ.HTTP_HOST)], ...others]);
    const limited: ApplicationFunction = (...args) => {
      checkBodySize(body ? lengthOf(body) : 0, options.maxBodySize ?? Infinity);
      return toFunction(application)(...args);
    };
    const isFirst = this.#exchange === undefined;
    this.#exchange = new Exchange(limited, environ, output, this.#report);
    if (isFirst) this.#guard();
    const finished = this.#exchange.start();
    // Not before: an application that never waits could not be ended.
    if (isFirst) this.#watchSignals();
    await finished;
  }

  /** Ends the request that is under way; the command's exit status is `status`. */
  end(status: number, text?: string): void {
    this.#outputs.fail(status, text);
    this.#exchange?.interrupt(clientGone());
  }

  /** Errors that nobody caught, exit(), and an event loop that runs dry. */
  #guard(): void {
    const exchange = () => this.#exchange;
    const guarded = {
      interrupt: (reason: unknown) => exchange()?.interrupt(reason) ?? false,
      get responded() {
        return exchange()?.responded ?? true;
      },
      get failed() {
        return exchange()?.failed ?? false;
      },
    };
    guardProcess(guarded, { reading: undefined }, this.#report);
  }

  #watchSignals(): void {
    for (const [signal, number] of SIGNALS) {
      let isAgain = false;
      process.on(signal, () => {
        if (isAgain) process.exit(128 + number);
        isAgain = true;
        this.end(128 + number);
      });
    }
  }

  #report = (error: unknown): void => this.#log.write(formatFailure('request', error));
}
