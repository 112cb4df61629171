// One FastCGI connection from a web server: sorts records to its requests by their ids (FastCGI 1.0 §3.3), and answers
// records that belong to no request.

import type { Socket } from 'node:net';
import type { Variables } from '../environ/variables.ts';
import { ResidentConnection } from '../resident/connection.ts';
import type { ResidentSettings } from '../resident/options.ts';
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  decodePairs,
  encodePairs,
  endRequest,
  GET_VALUES,
  GET_VALUES_RESULT,
  KEEP_CONN,
  makeRecord,
  OVERLOADED,
  PARAMS,
  RESPONDER,
  RecordParser,
  type RecordReceiver,
  STDIN,
  UNKNOWN_ROLE,
  unknownType,
} from './records.ts';
import { FastCgiRequest, type RequestConnection } from './request.ts';

export class FastCgiConnection extends ResidentConnection implements RecordReceiver, RequestConnection {
  #maxRequests: number;
  #parser = new RecordParser(this);
  /** A request that has begun and is not released yet. As a rule there is one, and it needs no entry in `#others`. */
  #first: FastCgiRequest | undefined;
  #others = new Map<number, FastCgiRequest>();
  /** How many requests have no END_REQUEST yet, or one that the web server has not taken. */
  #running = 0;
  /** Whether a request did not ask to keep the connection. Then it takes no further requests. */
  #isLast = false;
  /** Whether a request was answered before all of it had arrived. */
  #isCutOff = false;

  constructor(socket: Socket, settings: ResidentSettings, maxRequests: number) {
    super(socket, settings);
    this.#maxRequests = maxRequests;
  }

  override get isBusy(): boolean {
    return this.#running > 0;
  }

  protected override get hasReceivedAll(): boolean {
    return !this.#isCutOff;
  }

  protected override get awaitsRest(): boolean {
    const isUnfinished = (request: FastCgiRequest | undefined) => request?.called === false;
    return !this.#parser.isBetweenRecords || isUnfinished(this.#first) || [...this.#others.values()].some(isUnfinished);
  }

  protected override get isBetweenRecords(): boolean {
    return this.#parser.isBetweenRecords;
  }

  protected override receive(chunk: Buffer): void {
    this.#parser.feed(chunk);
  }

  protected override abandonRequests(): void {
    this.#parser.stop();
    for (const request of [this.#first, ...this.#others.values()]) request?.abandon();
  }

  record(type: number, id: number, content: Buffer): void {
    // The most frequent types come first.
    if (type === PARAMS) this.#find(id)?.addParams(content);
    else if (type === STDIN) this.#find(id)?.addStdin(content);
    else if (id === 0) this.#manage(type, content);
    else if (type === BEGIN_REQUEST) this.#begin(id, content);
    else if (type === ABORT_REQUEST) this.#find(id)?.abandon();
    // Records of other types are not for responders. §3.3: they are ignored, as are those of requests that are over.
  }

  badVersion(version: number): void {
    this.#breakOff(`A record of FastCGI version ${version}; this gateway speaks version 1, and perhaps the server another protocol`);
  }

  release(request: FastCgiRequest): void {
    this.#running--;
    if (this.#first === request) this.#first = undefined;
    else if (this.#others.get(request.id) === request) this.#others.delete(request.id);
    if (!request.keepsConnection) this.#isLast = true;
    if (!request.received) this.#isCutOff = true;
    if (this.#running > 0) return;
    if (this.#isLast) this.close();
    else if (this.isFinishing) this.closeOrHandOver();
  }

  endShort(request: FastCgiRequest): boolean {
    if (this.#running > 1) return false;
    this.#isLast = true;
    this.release(request);
    return true;
  }

  protected override close(): void {
    this.#parser.stop();
    super.close();
  }

  /** Begins the request that BEGIN_REQUEST announces, or refuses it. §5.1 */
  #begin(id: number, body: Buffer): void {
    if (body.length !== 8) {
      this.#breakOff(`FCGI_BEGIN_REQUEST must have 8 bytes of content, got ${body.length}`);
      return;
    }
    const earlier = this.#find(id);
    if (earlier && !earlier.ended) {
      this.#breakOff(`FCGI_BEGIN_REQUEST for request ${id}, which has not ended`);
      return;
    }
    const keepsConnection = (body.readUInt8(2) & KEEP_CONN) !== 0;
    if (body.readUInt16BE(0) !== RESPONDER) {
      this.#reject(id, UNKNOWN_ROLE, keepsConnection);
    } else if (this.#running >= this.#maxRequests || this.#isLast || this.refusesRequests) {
      this.#reject(id, OVERLOADED, keepsConnection);
    } else {
      this.#running++;
      const request = new FastCgiRequest(this.settings, this, id, keepsConnection);
      // An earlier request of this id may still wait until its END_REQUEST is taken.
      if (this.#first === undefined || this.#first === earlier) this.#first = request;
      else this.#others.set(id, request);
    }
  }

  #reject(id: number, protocolStatus: number, keepsConnection: boolean): void {
    this.send([endRequest(id, protocolStatus)]);
    if (keepsConnection) return;
    this.#isLast = true;
    this.#isCutOff = true;
    if (this.#running === 0) this.close();
  }

  /** Answers a management record, which belongs to no request. §4 */
  #manage(type: number, content: Buffer): void {
    if (type === GET_VALUES) this.#getValues(content);
    else if (type === BEGIN_REQUEST) this.#breakOff('FCGI_BEGIN_REQUEST for request 0; ids of requests begin at 1');
    else this.send([unknownType(type)]);
  }

  /** Answers with the values whose names are known. §4.1 */
  #getValues(content: Buffer): void {
    const asked: Variables = {};
    if (!decodePairs(content.toString('latin1'), asked)) {
      this.#breakOff('FCGI_GET_VALUES ends within a name-value pair');
      return;
    }
    const values = [
      ['FCGI_MAX_CONNS', decimal(this.settings.maxConnections)],
      // HAProxy takes this one as the number of requests that a single connection may carry.
      ['FCGI_MAX_REQS', decimal(this.#maxRequests)],
      ['FCGI_MPXS_CONNS', '1'],
    ] as const;
    const known = values.filter(([name]) => Object.hasOwn(asked, name));
    this.send([makeRecord(GET_VALUES_RESULT, 0, encodePairs(known))]);
  }

  #find(id: number): FastCgiRequest | undefined {
    return this.#first?.id === id ? this.#first : this.#others.get(id);
  }

  /** Closes the connection because of a record that breaks the protocol: what follows it could be misunderstood. */
  #breakOff(problem: string): void {
    this.settings.errors.write(`fastcgi: ${problem}; the connection is closed\n`);
    this.isClosed = true;
    this.abandonRequests();
    this.socket.destroy();
  }
}

function decimal(number: number): string {
  return String(Math.min(number, 0x7fffffff));
}
