// A resident gateway's listening side: who may connect, how many at a time, and how it all ends in good order.

import { Server, type Socket } from 'node:net';
import type { ResidentConnection } from './connection.ts';
import { type ListenOptions, listen } from './listen.ts';

/** Makes the connection of `socket`; undefined when this peer may not have one. */
export type OpenConnection = (socket: Socket) => ResidentConnection | undefined;

export class ResidentServer extends Server {
  #connections = new Set<ResidentConnection>();
  #grace: number;
  #closing = false;
  #draining = false;

  /** `grace` is in milliseconds. */
  constructor(place: ListenOptions, maxConnections: number, grace: number, open: OpenConnection) {
    super({ noDelay: true });
    this.#grace = grace;
    if (maxConnections !== Infinity) this.maxConnections = maxConnections;
    this.on('connection', (socket: Socket) => {
      const connection = open(socket);
      if (!connection) {
        socket.destroy();
        return;
      }
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
      if (this.#draining) connection.drain();
    });
    listen(this, place, () => this.#closing);
  }

  /** Takes no new connections; after the grace closes those that are idle, and the others when their requests are answered. */
  override close(callback?: (error?: Error) => void): this {
    super.close(callback);
    if (this.#closing) return this;
    this.#closing = true;
    if (this.#grace > 0) {
      const timer = setTimeout(() => this.#drain(), this.#grace);
      this.once('close', () => clearTimeout(timer));
    } else {
      // What has been sent before this moment is a request that runs: take two turns to read it.
      setImmediate(() => setImmediate(() => this.#drain()));
    }
    return this;
  }

  #drain(): void {
    this.#draining = true;
    for (const connection of this.#connections) connection.drain();
  }
}
