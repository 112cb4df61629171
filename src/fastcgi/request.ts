// One request of FastCGI 1.0 in the role of a responder (§6.2): from its first record to END_REQUEST, which is sent exactly
// once.

import type { Variables } from '../environ/variables.ts';
import { RequestError } from '../errors.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { clientGone } from '../gateway/interruptions.ts';
import type { ResidentSettings } from '../resident/options.ts';
import { ResidentRequest } from '../resident/request.ts';
import type { Block, ErrorStream, Header } from '../types.ts';
import { decodePairs, stderrRecords, stdoutRecords } from './records.ts';

/** While more bytes than this wait for the web server, text for STDERR goes to the log instead. */
const STDERR_HIGH_WATER_MARK = 1024 * 1024;

/** The connection, as its request needs it. */
export interface RequestConnection {
  readonly isOpen: boolean;
  readonly socket: { readonly writableLength: number };
  /** Sends records in one go. The promise, if sending has to wait for the web server, never rejects. */
  send(records: readonly Uint8Array[]): void | Promise<void>;
  /** Called when the web server has taken the request's END_REQUEST, or has left. */
  release(request: FastCgiRequest): void;
  /**
   * Closes the connection instead of sending END_REQUEST, because no record can say that a response is incomplete. Returns
   * false when other requests run on the connection, which would be lost as well.
   */
  endShort(request: FastCgiRequest): boolean;
}

export class FastCgiRequest extends ResidentRequest {
  readonly id: number;
  readonly keepsConnection: boolean;
  /** Whether END_REQUEST has been sent. */
  ended = false;
  /** Whether all of STDIN has arrived. */
  received = false;
  protected readonly errors: ErrorStream;
  #connection: RequestConnection;
  /** The part of PARAMS that has arrived, as a byte string; undefined when they are complete. */
  #params: string | undefined = '';
  #usesStderr = false;
  /** Whether the web server has aborted the request. */
  #isAborted = false;

  constructor(settings: ResidentSettings, connection: RequestConnection, id: number, keepsConnection: boolean) {
    super(settings);
    this.errors = settings.sendsErrors ? errorStream({ write: (text) => this.sendStderr(text) }) : settings.errors;
    this.#connection = connection;
    this.id = id;
    this.keepsConnection = keepsConnection;
  }

  /** Takes the content of a PARAMS record. §5.2 */
  addParams(piece: Buffer): void {
    if (this.#params === undefined || this.called) return;
    if (piece.length === 0) {
      this.#endParams(this.#params);
      return;
    }
    this.#params += piece.toString('latin1');
    const { maxParamsSize } = this.settings;
    if (this.#params.length > maxParamsSize) {
      this.#params = undefined;
      this.refuse(new RequestError('params-too-large', `FCGI_PARAMS is longer than maxParamsSize, ${maxParamsSize} bytes`, 431));
    }
  }

  /** Takes the content of a STDIN record. §5.3 */
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
    // Without a prototype V8 makes a hash table of it, which takes less time to fill with names from outside; see gateway/environ.ts.
    const variables: Variables = Object.create(null);
    if (!decodePairs(params, variables)) {
      const message = 'FCGI_PARAMS ends within a name-value pair; its lengths are those of another text';
      this.refuse(new RequestError('params-malformed', message, 400));
      return;
    }
    // Caddy gives -1 for a chunked body.
    if (variables.CONTENT_LENGTH === '-1') delete variables.CONTENT_LENGTH;
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
    this.#isAborted = true;
    super.abandon();
  }

  override end(complete: boolean): void | Promise<void> {
    if (this.ended) return;
    const connection = this.#connection;
    if (!connection.isOpen) {
      this.ended = true;
      connection.release(this);
    } else if (!complete && this.keepsConnection && !this.#isAborted && connection.endShort(this)) {
      this.ended = true;
    } else {
      const sent = this.#send('', undefined, true);
      // Nothing depends on when the end of an incomplete response is taken.
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

  /** Sends `text` as STDERR. After the end, or while the web server takes nothing, the log gets it instead. §5.3 */
  sendStderr(text: string): void {
    const connection = this.#connection;
    if (this.ended || !connection.isOpen || connection.socket.writableLength > STDERR_HIGH_WATER_MARK) {
      this.settings.errors.write(text);
      return;
    }
    const records = stderrRecords(this.id, text);
    if (records.length === 0) return;
    this.#usesStderr = true;
    connection.send(records);
  }
}
