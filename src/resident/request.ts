// One request to a resident gateway, whatever protocol brings it: its variables, then its body, which is
// kept until it is whole, then the application's turn. A protocol adds how the response leaves.

import { headFor } from '../cgi/head.ts';
import { bodyLength, bodyTooLarge, checkBodySize } from '../environ/body-length.ts';
import { completeVariables, requestVariables, toEnviron } from '../environ/environ.ts';
import type { Variables } from '../environ/variables.ts';
import { Exchange, type Report } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { Input } from '../gateway/input.ts';
import { clientGone, timedOut } from '../gateway/interruptions.ts';
import type { Sink } from '../gateway/sink.ts';
import { NO_BODY } from '../gateway/source.ts';
import { Spool } from '../gateway/spool.ts';
import { wrapFile } from '../gateway/wrap-file.ts';
import type { ApplicationFunction, Block, ErrorStream, Header } from '../types.ts';
import { mount } from './mount.ts';
import type { Gateway } from './options.ts';

export abstract class ResidentRequest implements Sink {
  protected readonly gateway: Gateway;
  /** As the web server understands it. */
  protected renderHead = headFor(undefined);
  #variables: Record<string, unknown> | undefined;
  /** What CONTENT_LENGTH says; undefined where only the protocol tells where the body ends. */
  #announced: number | undefined;
  #body: Spool | undefined;
  #exchange: Exchange | undefined;
  /** Nobody waits for an answer any more, and the application is not to be called. */
  #isAbandoned = false;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  abstract start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void>;
  abstract write(block: Block): void | Promise<void>;
  abstract end(complete: boolean): void | Promise<void>;

  /** wsgi.errors */
  protected abstract readonly errors: ErrorStream;

  /** Whether the application, or a refusal in its place, has had its turn. */
  get called(): boolean {
    return this.#exchange !== undefined;
  }

  /** How many bytes of body CONTENT_LENGTH announces. */
  get announced(): number | undefined {
    return this.#announced;
  }

  /** The variables are complete, and this request's to change. What they announce may be refused at once. */
  setVariables(given: Variables): void {
    const { gateway } = this;
    mount(given, gateway.scriptName);
    const variables = completeVariables(given, gateway.env);
    this.#variables = variables;
    this.renderHead = headFor(variables.SERVER_SOFTWARE);
    // Caddy says so of a chunked body.
    if (variables.CONTENT_LENGTH === '-1') delete variables.CONTENT_LENGTH;
    if (variables.CONTENT_LENGTH === undefined) return;
    try {
      const announced = bodyLength(variables);
      checkBodySize(announced, gateway.maxBodySize);
      this.#announced = announced;
    } catch (error) {
      this.refuse(error);
    }
  }

  /** A piece of the body has arrived. What is beyond CONTENT_LENGTH is dropped. */
  addBody(bytes: Uint8Array): void {
    if (this.called || this.#isAbandoned) return;
    this.#body ??= new Spool();
    const room = (this.#announced ?? Infinity) - this.#body.length;
    if (room <= 0) return;
    this.#body.add(bytes.length > room ? bytes.subarray(0, room) : bytes);
    const { maxBodySize } = this.gateway;
    if (this.#body.length > maxBodySize) {
      this.refuse(bodyTooLarge(maxBodySize));
    }
  }

  /** The body is complete. */
  callApplication(): void {
    if (!this.called) this.#perform(this.gateway.application);
  }

  /** Answers `error` in the application's place. */
  refuse(error: unknown): void {
    this.#perform(() => {
      throw error;
    });
  }

  /** The client has left, or the server does not want the response any more. */
  abandon(): void {
    this.#isAbandoned = true;
    if (this.#exchange) {
      this.#exchange.interrupt(clientGone());
    } else {
      // What the protocol still brings of the body is dropped.
      this.#body?.close();
      this.end(false);
    }
  }

  #perform(application: ApplicationFunction): void {
    if (this.#isAbandoned) return;
    const { gateway } = this;
    const body = this.#body;
    const environ = toEnviron(this.#variables ?? requestVariables({}, gateway.env), {
      input: this.#makeInput(),
      errors: this.errors,
      fileWrapper: wrapFile,
      // There is one thread. But while one request waits others run, and change what they share: what this is meant to tell.
      multithread: true,
      multiprocess: gateway.multiprocess,
      runOnce: false,
    });
    if (body && this.#announced === undefined) environ.CONTENT_LENGTH = String(body.length);
    const exchange = new Exchange(application, environ, this, this.#report);
    this.#exchange = exchange;
    const finished = exchange.start();
    if (exchange.over) body?.close();
    else this.#wait(exchange, finished, body);
  }

  /** Bytes of body that do not come are an error when they are read. */
  #makeInput(): Input {
    const body = this.#body;
    const length = this.#announced ?? body?.length ?? 0;
    return new Input(body ?? NO_BODY, length);
  }

  #wait(exchange: Exchange, finished: Promise<void>, body: Spool | undefined): void {
    const { timeout } = this.gateway;
    const timer = timeout === undefined ? undefined : setTimeout(() => exchange.interrupt(timedOut(timeout)), timeout);
    finished.then(() => {
      clearTimeout(timer);
      body?.close();
    });
  }

  #report: Report = (error) => this.errors.write(formatFailure(this.gateway.name, error));
}
