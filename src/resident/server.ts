// The listening side of a resident gateway: accepts connections up to a limit, and closes in good order.

import { Server, type Socket } from 'node:net';
import { fs } from '../fs.ts';
import { acceptHandle, type ConnectionHandle } from '../node-internals/connection-passing.ts';
import { readIntoOneBuffer } from '../node-internals/shared-read-buffer.ts';
import { startTimer } from '../timer.ts';
import { LISTENS } from '../withheld-ports.ts';
import type { HandOver, ResidentConnection } from './connection.ts';
import { BACKLOG, type ListenOptions, listen } from './listen.ts';
import type { ResidentSettings } from './options.ts';

/** Makes the connection of `socket`; undefined when its peer may not have one. */
export type MakeConnection = (socket: Socket) => ResidentConnection | undefined;

/** The last of the standard descriptors. Node does not close these when it closes a server that listens on one. */
const LAST_STANDARD = 2;

export class ResidentServer extends Server {
  /** Milliseconds after close() for which open connections are still served. */
  readonly grace: number;
  /** See withheld-ports.ts: this server listens, even while the ports of applications are withheld. */
  readonly [LISTENS] = true;
  #fd: number | undefined;
  #path: string | undefined;
  #makeConnection: MakeConnection;
  #exchanges: ReadonlySet<Promise<void>>;
  #connections = new Map<Socket, ResidentConnection>();
  /** How many connections were accepted so far. */
  #accepted = 0;
  #isClosing = false;
  /** Whether connections end as soon as they are idle. */
  #isFinishing = false;
  #handOver: HandOver | undefined;
  #removePath: () => void;

  constructor(place: ListenOptions, { maxConnections, grace, exchanges }: ResidentSettings, makeConnection: MakeConnection) {
    super({ noDelay: true });
    this.grace = grace;
    this.#fd = place.fd;
    this.#path = place.socket;
    this.#makeConnection = makeConnection;
    this.#exchanges = exchanges;
    this.maxConnections = maxConnections;
    this.on('listening', () => readIntoOneBuffer(this, (socket) => this.#open(socket)));
    this.on('connection', (socket) => {
      if (this.#connections.has(socket)) return; // opened already, and read into the one buffer
      const take = this.#open(socket);
      if (take) socket.on('data', take);
    });
    this.#removePath = listen(this, place, () => this.#isClosing);
  }

  /** The path of a Unix socket, and not the temporary name that it was bound by. */
  override address(): ReturnType<Server['address']> {
    return this.listening && this.#path !== undefined ? this.#path : super.address();
  }

  /** Returns what takes the bytes of the new connection; undefined for one that is refused. */
  #open(socket: Socket): ((bytes: Buffer) => void) | undefined {
    this.#accepted++;
    const connection = this.#makeConnection(socket);
    if (!connection) {
      socket.destroy();
      return undefined;
    }
    this.#connections.set(socket, connection);
    socket.on('close', () => this.#connections.delete(socket));
    if (this.#isFinishing) connection.finish(this.#handOver);
    return (bytes) => connection.take(bytes);
  }

  /**
   * Accepts no new connections. After the grace, idle connections are closed, and the others when their requests are
   * answered. "close" comes when all are closed.
   */
  override close(callback?: (error?: Error) => void): this {
    const wasClosing = this.#isClosing;
    this.#isClosing = true;
    if (!this.listening) return super.close(callback);
    if (callback) this.once('close', callback);
    if (wasClosing) return this;
    // A web server that connects from now on is refused, and may ask another gateway. One that has connected is answered.
    this.#removePath();
    // When connections are handed over, another process serves the socket and accepts those that wait.
    setImmediate(() => (this.#handOver ? this.#stopListening() : this.#acceptWaiting(BACKLOG)));
    return this;
  }

  /** Closes as close() does, but gives connections to another process instead of closing them. */
  closeAndHandOver(handOver: HandOver): this {
    this.#handOver = handOver;
    return this.close();
  }

  /**
   * Accepts a connection that another process has handed over, even above `maxConnections`: a web server that was given a
   * connection may have sent a request on it. Returns false when this server does not listen any more.
   */
  adopt(connection: ConnectionHandle): boolean {
    const { maxConnections } = this;
    this.maxConnections = Infinity;
    const isAccepted = acceptHandle(this, connection);
    this.maxConnections = maxConnections;
    return isAccepted;
  }

  /** Whether a request arrives, runs or is answered, or an application works on after its response. */
  get isBusy(): boolean {
    return this.#exchanges.size > 0 || [...this.#connections.values()].some((connection) => connection.isBusy);
  }

  /** Resolves when every application has finished, also what it does after its response. Never rejects. */
  async exchangesOver(): Promise<void> {
    await Promise.all(this.#exchanges);
  }

  /** Breaks all connections off. Returns how many there were. */
  closeAllConnections(): number {
    const { size } = this.#connections;
    for (const socket of this.#connections.keys()) socket.destroy();
    return size;
  }

  /**
   * Goes on listening until a turn of the event loop brings no connection, but for `turns` at most. Node accepts one
   * connection a turn. Those that still wait when the socket is closed are reset, and their requests lost.
   */
  #acceptWaiting(turns: number): void {
    const before = this.#accepted;
    setImmediate(() => {
      if (this.#accepted > before && turns > 1) this.#acceptWaiting(turns - 1);
      else this.#stopListening();
    });
  }

  #stopListening(): void {
    if (this.listening) {
      super.close();
      if (this.#fd !== undefined && this.#fd <= LAST_STANDARD) closeStandard(this.#fd);
    }
    if (this.grace > 0 && !this.#handOver) {
      const timer = startTimer(this.grace, () => this.#finishConnections());
      this.once('close', () => clearTimeout(timer));
    } else {
      // A request that was sent before this moment is still answered. It takes two turns to be read.
      setImmediate(() => setImmediate(() => this.#finishConnections()));
    }
  }

  #finishConnections(): void {
    this.#isFinishing = true;
    for (const connection of this.#connections.values()) connection.finish(this.#handOver);
  }
}

/**
 * Closes a standard descriptor, so that nobody connects to a socket that is not served. Opens /dev/null in its place,
 * because the next file that is opened would get its number.
 */
function closeStandard(descriptor: number): void {
  fs.closeSync(descriptor);
  fs.openSync('/dev/null', fs.constants.O_RDONLY);
}
