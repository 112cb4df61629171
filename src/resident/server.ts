// A resident gateway's listening side: who may connect, how many at a time, and how it all ends in good order.

import { type Handle, Server, Socket } from 'node:net';
import { fs } from '../fs.ts';
import { LISTENS } from '../ports.ts';
import type { HandOn, ResidentConnection } from './connection.ts';
import { BACKLOG, type ListenOptions, listen } from './listen.ts';
import type { Gateway } from './options.ts';

/** Makes the connection of `socket`; undefined when this peer may not have one. */
export type OpenConnection = (socket: Socket) => ResidentConnection | undefined;

/**
 * All connections are read into this one, since what arrives is used, or copied, at once. By itself Node makes a new
 * buffer of 64 KiB for each read: a seventh of what a small request costs.
 */
const ARRIVED = Buffer.allocUnsafeSlow(65_536);

/** Descriptors up to this one Node leaves open when it closes what it has made of them. */
const LAST_STANDARD = 2;

/** Looks within which nothing moves on a connection that stalls. */
const LOOKS = 4;

export class ResidentServer extends Server {
  /** Milliseconds after close() in which connections that are open go on being served. */
  readonly grace: number;
  #fd: number | undefined;
  #make: OpenConnection;
  #connections = new Set<ResidentConnection>();
  /** How many connections there have been. */
  #taken = 0;
  #closing = false;
  #draining = false;
  #handOn: HandOn | undefined;
  readonly [LISTENS] = true;
  /** Takes a socket's path away. */
  #withdraw: () => void;
  #path: string | undefined;

  constructor(place: ListenOptions, { maxConnections, grace, stallTimeout }: Gateway, open: OpenConnection) {
    super({ noDelay: true });
    this.grace = grace;
    this.#fd = place.fd;
    this.#make = open;
    this.#path = place.socket;
    this.maxConnections = maxConnections;
    this.on('listening', () => this.#accept());
    this.#withdraw = listen(this, place, () => this.#closing);
    if (stallTimeout > 0 && stallTimeout !== Infinity) this.#watch(stallTimeout / LOOKS);
  }

  /** All at once: a timer for each connection would have to be put off with every piece that moves. */
  #watch(period: number): void {
    const timer = setInterval(() => {
      for (const connection of this.#connections) connection.look(LOOKS);
    }, period).unref();
    this.once('close', () => clearInterval(timer));
  }

  /** By its path, and not by the name that it was bound by. */
  override address(): ReturnType<Server['address']> {
    return this.listening && this.#path !== undefined ? this.#path : super.address();
  }

  /** As Node does it, but for the buffer. */
  #accept(): void {
    const { _handle: listening } = this;
    const { onconnection: accept } = listening ?? {};
    if (!listening || !accept) {
      this.on('connection', (socket: Socket) => {
        const connection = this.#open(socket);
        socket.on('data', (bytes: Buffer) => connection?.take(bytes));
      });
      return;
    }
    listening.onconnection = (status, handle) => {
      if (!handle || this._connections >= this.maxConnections) {
        accept.call(listening, status, handle);
        return;
      }
      const callback = (length: number): boolean => {
        connection?.take(ARRIVED.subarray(0, length));
        return true;
      };
      const socket = new Socket({ handle, onread: { buffer: ARRIVED, callback } });
      socket.setNoDelay();
      // So it is counted, and close() waits for it.
      socket._server = this;
      this._connections++;
      const connection = this.#open(socket);
      this.emit('connection', socket);
    };
  }

  #open(socket: Socket): ResidentConnection | undefined {
    this.#taken++;
    const connection = this.#make(socket);
    if (!connection) {
      socket.destroy();
      return undefined;
    }
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
    if (this.#draining) connection.drain(this.#handOn);
    return connection;
  }

  /** Takes no new connections; after the grace closes those that are idle, and the others when their requests are answered. */
  override close(callback?: (error?: Error) => void): this {
    if (this.#closing || !this.listening) {
      this.#closing = true;
      return super.close(callback);
    }
    this.#closing = true;
    // Who comes too late finds nobody, and may ask another one; who has connected is answered.
    this.#withdraw();
    if (callback) this.once('close', callback);
    // Who hands on leaves those that wait to the others.
    setImmediate(() => (this.#handOn ? this.#stopListening() : this.#takeWaiting(BACKLOG)));
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
    if (this.listening) {
      super.close();
      if (this.#fd !== undefined && this.#fd <= LAST_STANDARD) letGo(this.#fd);
    }
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

/** Who connected to it would wait for nobody. Something has to have its number, lest the next file does. */
function letGo(descriptor: number): void {
  fs.closeSync(descriptor);
  fs.openSync('/dev/null', fs.constants.O_RDONLY);
}
