// One request to a resident gateway, by whatever protocol: takes its variables, keeps its body until that is whole, then
// calls the application. The protocol's own class adds how the response is sent.

import { headFor } from '../cgi/head.ts';
import { bodyLength, bodyTooLarge, checkBodySize } from '../environ/body-length.ts';
import { completeVariables } from '../environ/environ.ts';
import type { Variables } from '../environ/variables.ts';
import { toEnviron } from '../gateway/environ.ts';
import { Exchange, type Report } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { Input } from '../gateway/input.ts';
import { clientGone } from '../gateway/interruptions.ts';
import { refusing } from '../gateway/refusing.ts';
import { runExchange } from '../gateway/run-exchange.ts';
import type { Sink } from '../gateway/sink.ts';
import { NO_BODY } from '../gateway/source.ts';
import { Spool } from '../gateway/spool.ts';
import type { ApplicationFunction, Block, ErrorStream, Header } from '../types.ts';
import { mount } from './mount.ts';
import type { ResidentSettings } from './options.ts';

export abstract class ResidentRequest implements Sink {
  protected readonly settings: ResidentSettings;
  /** Writes the head of a response in the way that this web server understands. */
  protected renderHead = headFor(undefined);
  #variables: Record<string, unknown> | undefined;
  /** The value of CONTENT_LENGTH; undefined where only the protocol says when the body ends. */
  #announced: number | undefined;
  #body: Spool | undefined;
  #exchange: Exchange | undefined;
  /** Whether the web server does not want an answer any more. Then the application is not called. */
  #isAbandoned = false;

  constructor(settings: ResidentSettings) {
    this.settings = settings;
  }

  abstract start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void>;
  abstract write(block: Block): void | Promise<void>;
  abstract end(complete: boolean): void | Promise<void>;

  /** wsgi.errors */
  protected abstract readonly errors: ErrorStream;

  /** Whether the application was called, or the request was refused in its place. */
  get called(): boolean {
    return this.#exchange !== undefined;
  }

  /** The length of the body in bytes, by CONTENT_LENGTH; undefined where that is missing. */
  get announced(): number | undefined {
    return this.#announced;
  }

  /** Takes the complete variables, which belong to this request from now on. Refuses a body that they announce as too large. */
  setVariables(given: Variables): void {
    const { settings } = this;
    mount(given, settings.scriptName);
    const variables = completeVariables(given, settings.env);
    this.#variables = variables;
    this.renderHead = headFor(variables.SERVER_SOFTWARE);
    if (variables.CONTENT_LENGTH === undefined) return;
    try {
      const announced = bodyLength(variables);
      checkBodySize(announced, settings.maxBodySize);
      this.#announced = announced;
    } catch (error) {
      this.refuse(error);
    }
  }

  /** Takes a piece of the body. Bytes beyond CONTENT_LENGTH are dropped. */
  addBody(bytes: Uint8Array): void {
    if (this.called || this.#isAbandoned) return;
    this.#body ??= new Spool();
    const room = (this.#announced ?? Infinity) - this.#body.length;
    if (room <= 0) return;
    this.#body.add(bytes.length > room ? bytes.subarray(0, room) : bytes);
    const { maxBodySize } = this.settings;
    if (this.#body.length > maxBodySize) this.refuse(bodyTooLarge(maxBodySize));
  }

  /** Calls the application, now that the body is complete. */
  callApplication(): void {
    if (!this.called) this.#run(this.settings.application);
  }

  /** Answers with the status of `error`, and does not call the application. */
  refuse(error: unknown): void {
    this.#run(refusing(error));
  }

  /** Ends a request whose client has left, or whose response the web server does not want any more. */
  abandon(): void {
    this.#isAbandoned = true;
    if (this.#exchange) {
      this.#exchange.interrupt(clientGone());
    } else {
      // Pieces of the body that still arrive are dropped.
      this.#body?.close();
      this.end(false);
    }
  }

  #run(application: ApplicationFunction): void {
    if (this.#isAbandoned) return;
    const { settings } = this;
    const body = this.#body;
    const environ = toEnviron(this.#variables ?? completeVariables({}, settings.env), {
      input: this.#makeInput(),
      errors: this.errors,
      // There is one thread. But while one request waits others run and change shared variables, which is what this warns of.
      multithread: true,
      multiprocess: settings.multiprocess,
      runOnce: false,
    });
    if (body && this.#announced === undefined) environ.CONTENT_LENGTH = String(body.length);
    const exchange = new Exchange(application, environ, this, this.#report);
    this.#exchange = exchange;
    const running = runExchange(exchange, body, settings.timeout);
    if (!running) return;
    settings.exchanges.add(running);
    running.then(() => settings.exchanges.delete(running));
  }

  /** Reading throws a `RequestError` where bytes that CONTENT_LENGTH announces are missing. */
  #makeInput(): Input {
    const body = this.#body;
    const length = this.#announced ?? body?.length ?? 0;
    return new Input(body ?? NO_BODY, length);
  }

  #report: Report = (error) => this.errors.write(formatFailure(this.settings.name, error));
}
