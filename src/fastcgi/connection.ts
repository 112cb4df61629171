// One connection that a web server has opened to us: tells its requests apart by their ids (FastCGI 1.0 §3.3),
// and answers what is no request.

import type { Socket } from 'node:net';
import type { Variables } from '../environ/variables.ts';
import { ResidentConnection } from '../resident/connection.ts';
import type { Gateway } from '../resident/options.ts';
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
import { FastCgiRequest } from './request.ts';

export class FastCgiConnection extends ResidentConnection implements RecordReceiver {
  #maxRequests: number;
  #parser = new RecordParser(this);
  /** Those that have begun and not been released: as a rule one, which costs no entry. */
  #first: FastCgiRequest | undefined;
  #others = new Map<number, FastCgiRequest>();
  /** Requests without END_REQUEST, or whose END_REQUEST waits for the peer. */
  #running = 0;
  /** A request did not ask for the connection to be kept: it takes no more of them. */
  #isLast = false;
  /** A request was answered before all of it had arrived. */
  #isCutOff = false;

  constructor(socket: Socket, gateway: Gateway, maxRequests: number) {
    super(socket, gateway);
    this.#maxRequests = maxRequests;
  }

  protected override get busy(): boolean {
    return this.#running > 0;
  }

  protected override get received(): boolean {
    return !this.#isCutOff;
  }

  protected override get waits(): boolean {
    const isUnfinished = (request: FastCgiRequest | undefined) => request?.called === false;
    return !this.#parser.isBetween || isUnfinished(this.#first) || [...this.#others.values()].some(isUnfinished);
  }

  protected override get isBetween(): boolean {
    return this.#parser.isBetween;
  }

  protected override receive(chunk: Buffer): void {
    this.#parser.feed(chunk);
  }

  protected override gone(): void {
    this.#parser.stop();
    this.#abandonAll();
  }

  record(type: number, id: number, content: Buffer): void {
    // Most frequent first.
    if (type === PARAMS) this.#find(id)?.addParams(content);
    else if (type === STDIN) this.#find(id)?.addStdin(content);
    else if (id === 0) this.#manage(type, content);
    else if (type === BEGIN_REQUEST) this.#begin(id, content);
    else if (type === ABORT_REQUEST) this.#find(id)?.abandon();
    // Other types of a request are not for responders: ignored like those of requests that are over. §3.3
  }

  badVersion(version: number): void {
    this.#break(`A record of FastCGI version ${version}; this gateway speaks version 1, and perhaps the server another protocol`);
  }

  /** The request's END_REQUEST is sent. */
  release(request: FastCgiRequest): void {
    this.#running--;
    if (this.#first === request) this.#first = undefined;
    else if (this.#others.get(request.id) === request) this.#others.delete(request.id);
    if (!request.keepsConnection) this.#isLast = true;
    if (!request.received) this.#isCutOff = true;
    if (this.#running > 0) return;
    if (this.#isLast) this.close();
    else if (this.draining) this.leave();
  }

  /**
   * Ends the connection in the middle of the request's response: no record could say that it is incomplete. False when
   * others run here; they must not break off, too.
   */
  breakOff(request: FastCgiRequest): boolean {
    if (this.#running > 1) return false;
    this.#isLast = true;
    this.release(request);
    return true;
  }

  protected override close(): void {
    this.#parser.stop();
    super.close();
  }

  /** §5.1 */
  #begin(id: number, body: Buffer): void {
    if (body.length !== 8) {
      this.#break(`FCGI_BEGIN_REQUEST must have 8 bytes of content, got ${body.length}`);
      return;
    }
    const earlier = this.#find(id);
    if (earlier && !earlier.ended) {
      this.#break(`FCGI_BEGIN_REQUEST for request ${id}, which has not ended`);
      return;
    }
    const keepsConnection = (body.readUInt8(2) & KEEP_CONN) !== 0;
    if (body.readUInt16BE(0) !== RESPONDER) {
      this.#reject(id, UNKNOWN_ROLE, keepsConnection);
    } else if (this.#running >= this.#maxRequests || this.#isLast || this.refuses) {
      this.#reject(id, OVERLOADED, keepsConnection);
    } else {
      this.#running++;
      const request = new FastCgiRequest(this.gateway, this, id, keepsConnection);
      // An earlier one of this id may wait for its END_REQUEST to be taken.
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

  /** §4: records about no request. */
  #manage(type: number, content: Buffer): void {
    if (type === GET_VALUES) this.#getValues(content);
    else if (type === BEGIN_REQUEST) this.#break('FCGI_BEGIN_REQUEST for request 0; ids of requests begin at 1');
    else this.send([unknownType(type)]);
  }

  /** §4.1: names that are not known are left out. */
  #getValues(content: Buffer): void {
    const asked: Variables = {};
    if (!decodePairs(content.toString('latin1'), asked)) {
      this.#break('FCGI_GET_VALUES ends within a name-value pair');
      return;
    }
    const values = [
      ['FCGI_MAX_CONNS', count(this.gateway.maxConnections)],
      // haproxy takes it as what one connection may carry.
      ['FCGI_MAX_REQS', count(this.#maxRequests)],
      ['FCGI_MPXS_CONNS', '1'],
    ] as const;
    const known = values.filter(([name]) => Object.hasOwn(asked, name));
    this.send([makeRecord(GET_VALUES_RESULT, 0, encodePairs(known))]);
  }

  #find(id: number): FastCgiRequest | undefined {
    return this.#first?.id === id ? this.#first : this.#others.get(id);
  }

  #abandonAll(): void {
    for (const request of [this.#first, ...this.#others.values()]) request?.abandon();
  }

  /** What follows could be misunderstood, so nothing follows. */
  #break(why: string): void {
    this.gateway.errors.write(`fastcgi: ${why}; the connection is closed\n`);
    this.#parser.stop();
    this.closed = true;
    this.#abandonAll();
    this.socket.destroy();
  }
}

function count(number: number): string {
  return String(Math.min(number, 0x7fffffff));
}
