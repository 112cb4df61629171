// The client of the command `request`. It sends requests to an application in this process, one after another, and closes
// the application even when a signal, an error or process.exit() ends the process early.

import { ENDING_SIGNALS, guardProcess } from '../cgi/process-guard.ts';
import { checkBodySize } from '../environ/body-length.ts';
import { toFunction } from '../gateway/application.ts';
import { Exchange } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { clientGone } from '../gateway/interruptions.ts';
import type { Loaded } from '../load/application.ts';
import { requestEnviron } from '../testing/request.ts';
import type { ApplicationFunction, ErrorStream, Header } from '../types.ts';
import { lengthOf, type RequestBody, sourceOf } from './request-body.ts';
import type { Outputs, ResponseOutput } from './response-output.ts';

export interface ClientRequest {
  method: string;
  /** A path, or a whole URL. */
  target: string;
  headers: readonly Header[];
  body: RequestBody | undefined;
}

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

  /** Sends a request; resolves when the response is written and the application closed. */
  async send({ method, target, headers, body }: ClientRequest, output: ResponseOutput): Promise<void> {
    const { application, options } = this.#loaded;
    const environ = requestEnviron({ method, path: target, headers, environ: options.env ?? {} }, body && sourceOf(body), this.#log);
    const otherHeaders = headers.filter(([name]) => name.toLowerCase() !== 'host');
    output.showRequest([
      `${method} ${environ.REQUEST_URI} ${environ.SERVER_PROTOCOL}`,
      ['Host', String(environ.HTTP_HOST)],
      ...otherHeaders,
    ]);
    const limited: ApplicationFunction = (...args) => {
      checkBodySize(body ? lengthOf(body) : 0, options.maxBodySize ?? Infinity);
      return toFunction(application)(...args);
    };
    const isFirst = this.#exchange === undefined;
    this.#exchange = new Exchange(limited, environ, output, this.#report);
    if (isFirst) this.#guard();
    const finished = this.#exchange.start();
    // Only now: while the application runs without waiting for anything, a handler could not run, and the signal would be lost.
    if (isFirst) this.#watchSignals();
    await finished;
  }

  /** Aborts the current request. `status` becomes the exit status of the command, and `text` is printed. */
  abort(status: number, text?: string): void {
    this.#outputs.fail(status, text);
    this.#exchange?.interrupt(clientGone());
  }

  /** Closes the application at an uncaught error, at process.exit(), and when the event loop has nothing left to do. */
  #guard(): void {
    const exchange = () => this.#exchange;
    const guarded = {
      interrupt: (reason: unknown) => exchange()?.interrupt(reason) ?? false,
      get hasResponded() {
        return exchange()?.hasResponded ?? true;
      },
      get hasFailed() {
        return exchange()?.hasFailed ?? false;
      },
    };
    guardProcess(guarded, { reading: undefined }, this.#report);
  }

  #watchSignals(): void {
    for (const [signal, number] of ENDING_SIGNALS) {
      let isAgain = false;
      process.on(signal, () => {
        if (isAgain) process.exit(128 + number);
        isAgain = true;
        this.abort(128 + number);
      });
    }
  }

  #report = (error: unknown): void => this.#log.write(formatFailure('request', error));
}
