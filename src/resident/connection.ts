// One connection from a web server to a resident gateway: reads and writes no faster than the other side does, and ends
// without losing a byte. What the bytes mean is up to the protocol, FastCGI or SCGI.

import type { Socket } from 'node:net';
import { LONGEST_DELAY } from '../timer.ts';
import type { ResidentSettings } from './options.ts';

/** While more bytes of output than this wait for the web server, no requests are read. */
const HIGH_WATER_MARK = 256 * 1024;

/** Milliseconds for the web server to read an answer that was sent before it had sent its whole request. */
const LINGER = 5_000;

/** Milliseconds that a closing gateway waits for the first request on a connection. Web servers connect when they have one. */
const FIRST_REQUEST = 1_000;

/** Gives an idle connection to another process. Returns false when that cannot be done. */
export type HandOver = (socket: Socket) => boolean;

export abstract class ResidentConnection {
  readonly socket: Socket;
  protected readonly settings: ResidentSettings;
  /** Whether what arrives from now on is ignored. */
  protected isClosed = false;
  /** Whether the connection is to be closed, or handed over, as soon as no request runs on it. */
  protected isFinishing = false;
  /** Whether nothing has arrived yet. */
  #isNew = true;
  #handOver: HandOver | undefined;
  #flushed: Promise<void> | undefined;
  #onFlushed: (() => void) | undefined;
  #isPaused = false;

  constructor(socket: Socket, settings: ResidentSettings) {
    this.socket = socket;
    this.settings = settings;
    const { stallTimeout } = settings;
    if (stallTimeout !== Infinity) {
      // Node counts every byte that arrives, or that the system takes from a block, as activity.
      socket.setTimeout(Math.min(stallTimeout, LONGEST_DELAY), () => this.#breakOffIfStalled());
    }
    // A web server that ends its side says in this way that its client has left.
    socket.on('end', () => this.#peerHasLeft());
    socket.on('close', () => this.#peerHasLeft());
    // Without a listener Node would throw the error. "close" follows it.
    socket.on('error', () => {});
  }

  /** Whether the web server may still read an answer. A socket that is destroyed emits "close" only later. */
  get isOpen(): boolean {
    return !this.isClosed && !this.socket.destroyed;
  }

  /** Takes the bytes that have arrived. The caller may use `bytes` again when this returns. */
  take(bytes: Buffer): void {
    if (this.isClosed) return;
    this.receive(bytes);
    this.#isNew = false;
    if (this.isFinishing && !this.isBusy) this.closeOrHandOver();
    if (this.socket.writableLength > HIGH_WATER_MARK) {
      this.#isPaused = true;
      this.socket.pause();
    }
  }

  /** Reads `bytes` by the protocol. Has to copy what it keeps. */
  protected abstract receive(bytes: Buffer): void;

  /** Ends the requests of a web server that has left. Called once. */
  protected abstract abandonRequests(): void;

  /** Whether a request arrives, runs or is answered. */
  abstract get isBusy(): boolean;

  /** Whether every byte of the requests has arrived. Only then closing the socket cannot cut the web server off. */
  protected abstract get hasReceivedAll(): boolean;

  /** Whether the web server has begun to send something and has not finished it. */
  protected abstract get awaitsRest(): boolean;

  /** Whether the next byte begins a record. */
  protected get isBetweenRecords(): boolean {
    return true;
  }

  /** Whether the connection takes no further request, because it is about to be closed. */
  protected get refusesRequests(): boolean {
    return this.isFinishing && this.#handOver === undefined && !this.#isNew;
  }

  /** Sends `pieces` in one go. The promise, if sending has to wait for the web server, never rejects. */
  send(pieces: readonly Uint8Array[]): void | Promise<void> {
    const { socket } = this;
    const [first] = pieces;
    if (pieces.length === 1 && first) {
      socket.write(first, this.#onWritten);
    } else {
      socket.cork();
      for (const piece of pieces) socket.write(piece, this.#onWritten);
      socket.uncork();
    }
    if (socket.writableLength === 0) return;
    this.#flushed ??= new Promise((resolve) => {
      this.#onFlushed = resolve;
    });
    return this.#flushed;
  }

  /**
   * Ends the connection when its running requests are answered. With `handOver` it is given to another process instead of
   * being closed: a web server that keeps connections may send its next request at the moment of closing, and lose it.
   */
  finish(handOver?: HandOver): void {
    this.isFinishing = true;
    this.#handOver = handOver;
    if (this.isBusy) return;
    if (handOver || !this.#isNew) {
      this.closeOrHandOver();
    } else {
      const timer = setTimeout(() => this.isBusy || this.closeOrHandOver(), FIRST_REQUEST);
      this.socket.once('close', () => clearTimeout(timer));
    }
  }

  /** Ends an idle connection of a gateway that closes. */
  protected closeOrHandOver(): void {
    const handOver = this.#handOver;
    if (!handOver) {
      this.close();
      return;
    }
    // One turn later everything that was read has been parsed: it may hold the next request.
    setImmediate(() => {
      if (this.isClosed || this.isBusy || !this.isBetweenRecords || this.socket.writableLength > 0) return;
      if (handOver(this.socket)) this.isClosed = true;
      else this.close();
    });
  }

  /** Closes the connection as soon as everything is sent. */
  protected close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { socket } = this;
    if (!this.hasReceivedAll) {
      // Closing a socket with unread bytes resets the connection, and the web server would lose the answer.
      socket.end();
      socket.resume();
      const linger = setTimeout(() => socket.destroy(), LINGER);
      socket.once('close', () => clearTimeout(linger));
    } else if (socket.writableLength === 0) {
      // One tick later Node has noted that the last write is done. Before that it would create an error for it, which costs.
      process.nextTick(destroySocket, socket);
    } else {
      socket.destroySoon();
    }
  }

  /** Closes a connection on which nothing moves, if it is the web server's turn. An application may take its time. */
  #breakOffIfStalled(): void {
    const { socket, settings } = this;
    const takesNothing = socket.writableLength > 0;
    const sendsNothing = !this.isClosed && (this.awaitsRest || this.#isNew);
    if (!takesNothing && !sendsNothing) return;
    const what = takesNothing ? 'taken nothing of a response' : 'not sent the rest of a request';
    settings.errors.write(`${settings.name}: the web server has ${what} for ${settings.stallTimeout} ms; the connection is closed\n`);
    socket.destroy();
  }

  #peerHasLeft(): void {
    const wasClosed = this.isClosed;
    this.isClosed = true;
    this.#resolveFlushed();
    if (!wasClosed) this.abandonRequests();
  }

  #onWritten = (): void => {
    if (this.socket.writableLength > 0 && !this.socket.destroyed) return;
    this.#resolveFlushed();
    if (this.#isPaused) {
      this.#isPaused = false;
      this.socket.resume();
    }
  };

  #resolveFlushed(): void {
    const resolve = this.#onFlushed;
    this.#flushed = undefined;
    this.#onFlushed = undefined;
    resolve?.();
  }
}

function destroySocket(socket: Socket): void {
  socket.destroy();
}
