// A resident gateway's listening side: who may connect, how many at a time, and how it all ends in good order.

import { Server, type Socket } from 'node:net';
import type { ResidentConnection } from './connection.ts';
import { type ListenOptions, listen } from './listen.ts';

/** Makes the connection of `socket`; undefined when this peer may not have one. */
export type OpenConnection = (socket: Socket) => ResidentConnection | undefined;

export class ResidentServer extends Server {
  #connections = new Set<ResidentConnection>();
  #closing = false;

  constructor(place: ListenOptions, maxConnections: number, open: OpenConnection) {
    super({ noDelay: true });
    if (maxConnections !== Infinity) this.maxConnections = maxConnections;
    this.on('connection', (socket: Socket) => {
      const connection = open(socket);
      if (!connection) {
        socket.destroy();
        return;
      }
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
      if (this.#closing) connection.drain();
    });
    listen(this, place, () => this.#closing);
  }

  /** Takes no new connections, closes those that are idle, and the others when their requests are answered. */
  override close(callback?: (error?: Error) => void): this {
    this.#closing = true;
    super.close(callback);
    // What has been sent before this moment is a request that runs: take two turns to read it.
    setImmediate(() =>
      setImmediate(() => {
        for (const connection of this.#connections) connection.drain();
      }),
    );
    return this;
  }
}
