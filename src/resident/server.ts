// A resident gateway's listening side: who may connect, how many at a time, and how it all ends in good order.

import { type Handle, Server, type Socket } from 'node:net';
import type { HandOn, ResidentConnection } from './connection.ts';
import { BACKLOG, type ListenOptions, listen } from './listen.ts';

/** Makes the connection of `socket`; undefined when this peer may not have one. */
export type OpenConnection = (socket: Socket) => ResidentConnection | undefined;

export class ResidentServer extends Server {
  /** Milliseconds after close() in which connections that are open go on being served. */
  readonly grace: number;
  #connections = new Set<ResidentConnection>();
  /** How many connections there have been. */
  #taken = 0;
  #closing = false;
  #draining = false;
  #handOn: HandOn | undefined;

  constructor(place: ListenOptions, maxConnections: number, grace: number, open: OpenConnection) {
    super({ noDelay: true });
    this.grace = grace;
    if (maxConnections !== Infinity) this.maxConnections = maxConnections;
    this.on('connection', (socket: Socket) => {
      this.#taken++;
      const connection = open(socket);
      if (!connection) {
        socket.destroy();
        return;
      }
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
      if (this.#draining) connection.drain(this.#handOn);
    });
    listen(this, place, () => this.#closing);
  }

  /** Takes no new connections; after the grace closes those that are idle, and the others when their requests are answered. */
  override close(callback?: (error?: Error) => void): this {
    if (this.#closing || !this.listening) {
      this.#closing = true;
      return super.close(callback);
    }
    this.#closing = true;
    if (callback) this.once('close', callback);
    setImmediate(() => this.#takeWaiting(BACKLOG));
    return this;
  }

  /**
   * Goes on listening until a turn of the event loop brings no connection, or for so many turns. Node takes one a turn,
   * and those that wait when nobody listens any more are reset, with the requests that were sent on them.
   */
  #takeWaiting(turns: number): void {
    const before = this.#taken;
    setImmediate(() => {
      if (this.#taken > before && turns > 1) this.#takeWaiting(turns - 1);
      else this.#stopListening();
    });
  }

  #stopListening(): void {
    if (this.listening) super.close();
    if (this.grace > 0 && !this.#handOn) {
      const timer = setTimeout(() => this.#drain(), this.grace);
      this.once('close', () => clearTimeout(timer));
    } else {
      // What has been sent before this moment is a request that runs: take two turns to read it.
      setImmediate(() => setImmediate(() => this.#drain()));
    }
  }

  /** Takes no new connections, and hands on those that it has: at once, or when their requests are answered. */
  leave(handOn: HandOn): this {
    this.#handOn = handOn;
    return this.close();
  }

  /** Takes a connection that another process has handed on. False when this server is closed. */
  adopt(connection: Handle): boolean {
    if (!this._handle?.onconnection) return false;
    this._handle.onconnection(0, connection);
    return true;
  }

  /** Breaks all connections off. Returns how many there were. */
  cut(): number {
    const { size } = this.#connections;
    for (const { socket } of this.#connections) socket.destroy();
    return size;
  }

  #drain(): void {
    this.#draining = true;
    for (const connection of this.#connections) connection.drain(this.#handOn);
  }
}
