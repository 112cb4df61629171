// One request of FastCGI 1.0 in the role of a responder (§6.2): from its first record to END_REQUEST, which
// is sent exactly once.

import type { Variables } from '../environ/variables.ts';
import { RequestError } from '../errors.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { clientGone } from '../gateway/interruptions.ts';
import type { Gateway } from '../resident/options.ts';
import { ResidentRequest } from '../resident/request.ts';
import type { Block, ErrorStream, Header } from '../types.ts';
import type { FastCgiConnection } from './connection.ts';
import { decodePairs, stderrRecords, stdoutRecords } from './records.ts';

/** Bytes that wait for the web server, above which the log takes what would be STDERR. */
const CONGESTED = 1024 * 1024;

export class FastCgiRequest extends ResidentRequest {
  readonly id: number;
  readonly keepsConnection: boolean;
  /** Whether END_REQUEST is on its way. */
  ended = false;
  /** Whether all of STDIN is here. */
  received = false;
  protected readonly errors: ErrorStream;
  #connection: FastCgiConnection;
  /** What has come of PARAMS, as a byte string; undefined when it is complete. */
  #params: string | undefined = '';
  #usesStderr = false;
  /** Nobody waits for the response any more. */
  #isUnwanted = false;

  constructor(gateway: Gateway, connection: FastCgiConnection, id: number, keepsConnection: boolean) {
    super(gateway);
    this.errors = gateway.sendsErrors ? errorStream({ write: (text) => this.say(text) }) : gateway.errors;
    this.#connection = connection;
    this.id = id;
    this.keepsConnection = keepsConnection;
  }

  /** §5.2 */
  addParams(piece: Buffer): void {
    if (this.#params === undefined || this.called) return;
    if (piece.length === 0) {
      this.#endParams(this.#params);
      return;
    }
    this.#params += piece.toString('latin1');
    const { maxParamsSize } = this.gateway;
    if (this.#params.length > maxParamsSize) {
      this.#params = undefined;
      this.refuse(new RequestError('params-too-large', `FCGI_PARAMS is longer than maxParamsSize, ${maxParamsSize} bytes`, 431));
    }
  }

  /** §5.3 */
  addStdin(piece: Buffer): void {
    if (piece.length > 0) {
      this.addBody(piece);
    } else if (!this.received) {
      this.received = true;
      if (this.#params === undefined) this.callApplication();
    }
  }

  #endParams(params: string): void {
    this.#params = undefined;
    // To V8 it is a dictionary sooner or later; so from the beginning, and none that is made of something else.
    const variables: Variables = Object.create(null);
    if (!decodePairs(params, variables)) {
      const why = 'FCGI_PARAMS ends within a name-value pair; its lengths are those of another text';
      this.refuse(new RequestError('params-malformed', why, 400));
      return;
    }
    this.setVariables(variables);
    if (this.received) this.callApplication();
  }

  override start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void> {
    return this.#send(this.renderHead(status, headers), block, isComplete);
  }

  override write(block: Block): void | Promise<void> {
    return this.#send('', block, false);
  }

  override abandon(): void {
    this.#isUnwanted = true;
    super.abandon();
  }

  override end(complete: boolean): void | Promise<void> {
    if (this.ended) return;
    const connection = this.#connection;
    if (!connection.isOpen) {
      this.ended = true;
      connection.release(this);
    } else if (!complete && this.keepsConnection && !this.#isUnwanted && connection.breakOff(this)) {
      this.ended = true;
    } else {
      const sent = this.#send('', undefined, true);
      // Who breaks off does not wait.
      return complete ? sent : undefined;
    }
  }

  #send(head: string, block: Block | undefined, isLast: boolean): void | Promise<void> {
    const connection = this.#connection;
    if (this.ended || !connection.isOpen) throw clientGone();
    if (isLast) this.ended = true;
    const sent = connection.send(stdoutRecords(this.id, head, block, isLast, this.#usesStderr));
    if (!isLast) return sent;
    if (!sent) connection.release(this);
    else return sent.then(() => connection.release(this));
  }

  /** §5.3. What is said after the end, or faster than the server takes it, goes to the log. */
  say(text: string): void {
    const connection = this.#connection;
    if (this.ended || !connection.isOpen || connection.socket.writableLength > CONGESTED) {
      this.gateway.errors.write(text);
      return;
    }
    const records = stderrRecords(this.id, text);
    if (records.length === 0) return;
    this.#usesStderr = true;
    connection.send(records);
  }
}
