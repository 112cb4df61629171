// One connection from a web server to a resident gateway: bytes in and out, neither of them faster than the
// other side takes them, and an end that loses nothing.

import type { Socket } from 'node:net';
import type { Gateway } from './options.ts';

/** Bytes of output that nobody takes, above which no more requests are read. */
const CONGESTED = 256 * 1024;

/** Milliseconds for the peer to notice that we have answered before it had said all. */
const LINGER = 5_000;

/** Milliseconds for the first request on a connection, when we are about to end: web servers connect when they have one. */
const FIRST_REQUEST = 1_000;

/** Gives a connection on which nothing happens to another process, which reads what arrives from now on. */
export type HandOn = (socket: Socket) => void;

export abstract class ResidentConnection {
  readonly socket: Socket;
  protected readonly gateway: Gateway;
  /** Nothing that arrives counts any more. */
  protected closed = false;
  /** When nothing runs any more, this process is done with the connection. */
  protected draining = false;
  /** Nothing has come yet. */
  #isNew = true;
  #handOn: HandOn | undefined;
  #flushed: Promise<void> | undefined;
  #onFlushed: (() => void) | undefined;
  #paused = false;
  /** What had moved when it was last looked at, and how often it has been the same since. */
  #moved = '';
  #looks = 0;

  constructor(socket: Socket, gateway: Gateway) {
    this.socket = socket;
    this.gateway = gateway;
    // A web server says only in this way that its client has left.
    socket.on('end', () => this.#left());
    socket.on('close', () => this.#left());
    // "close" follows.
    socket.on('error', () => {});
  }

  /** Whether the peer may still want something. A socket that has been destroyed says "close" only later. */
  get isOpen(): boolean {
    return !this.closed && !this.socket.destroyed;
  }

  /** Takes what has arrived. `bytes` are the caller's again when this returns. */
  take(bytes: Buffer): void {
    if (this.closed) return;
    this.receive(bytes);
    this.#isNew = false;
    if (this.draining && !this.busy) this.leave();
    if (this.socket.writableLength > CONGESTED) {
      this.#paused = true;
      this.socket.pause();
    }
  }

  /** Keeps no part of `bytes` that is no copy. */
  protected abstract receive(bytes: Buffer): void;

  /** The peer has left. Called once. */
  protected abstract gone(): void;

  /** Whether a request is on its way, in or out. */
  protected abstract get busy(): boolean;

  /** Whether all that the peer had to say has arrived, so that closing cannot cut it off. */
  protected abstract get received(): boolean;

  /** Whether the rest of something that the peer has begun to say is still to come. */
  protected abstract get waits(): boolean;

  /** Whether the next byte begins something new. */
  protected get isBetween(): boolean {
    return true;
  }

  /** Whether a further request would be one too many. */
  protected get refuses(): boolean {
    return this.draining && this.#handOn === undefined && !this.#isNew;
  }

  /** Hands `pieces` over in one go. The promise, when it has to wait for the peer, never rejects. */
  send(pieces: readonly Uint8Array[]): void | Promise<void> {
    const { socket } = this;
    const [first] = pieces;
    if (pieces.length === 1 && first) {
      socket.write(first, this.#written);
    } else {
      socket.cork();
      for (const piece of pieces) socket.write(piece, this.#written);
      socket.uncork();
    }
    if (socket.writableLength === 0) return;
    this.#flushed ??= new Promise((resolve) => {
      this.#onFlushed = resolve;
    });
    return this.#flushed;
  }

  /**
   * Closes when the running requests are answered. With `handOn` it is not closed but handed on: a web server that
   * keeps connections may send its next request at any time, and would find it closed.
   */
  drain(handOn?: HandOn): void {
    this.draining = true;
    this.#handOn = handOn;
    if (this.busy) return;
    if (handOn || !this.#isNew) {
      this.leave();
    } else {
      const timer = setTimeout(() => this.busy || this.leave(), FIRST_REQUEST);
      this.socket.once('close', () => clearTimeout(timer));
    }
  }

  /** Nothing runs, and this process is to be done with the connection. */
  protected leave(): void {
    const handOn = this.#handOn;
    if (!handOn) {
      this.close();
      return;
    }
    // When all that has been read is looked at: it may hold the next request.
    setImmediate(() => {
      if (this.closed || this.busy || !this.isBetween || this.socket.writableLength > 0) return;
      this.closed = true;
      handOn(this.socket);
    });
  }

  /** Closes as soon as everything is sent. */
  protected close(): void {
    if (this.closed) return;
    this.closed = true;
    const { socket } = this;
    if (!this.received) {
      // To close what is unread would reset the connection, and take the answer away from the peer.
      socket.end();
      socket.resume();
      const linger = setTimeout(() => socket.destroy(), LINGER);
      socket.once('close', () => clearTimeout(linger));
    } else if (socket.writableLength === 0) {
      // After Node has noted that the last write is done; otherwise it makes an error for it, which costs.
      process.nextTick(destroy, socket);
    } else {
      socket.destroySoon();
    }
  }

  /**
   * Breaks off when it has been the peer's turn, and nothing has moved, for `looks` calls. The application may take its
   * time, and so may a web server between two requests.
   */
  look(looks: number): void {
    const { socket, gateway } = this;
    const takesNothing = socket.writableLength > 0;
    const saysNothing = !this.closed && (this.waits || this.#isNew);
    const moved = `${takesNothing || saysNothing} ${socket.bytesRead} ${socket.writableLength} ${socket._handle?.writeQueueSize}`;
    this.#looks = moved === this.#moved ? this.#looks + 1 : 0;
    this.#moved = moved;
    if (this.#looks < looks || !(takesNothing || saysNothing)) return;
    const what = takesNothing ? 'taken nothing of a response' : 'not sent the rest of a request';
    gateway.errors.write(`${gateway.name}: the web server has ${what} for ${gateway.stallTimeout} ms; the connection is closed\n`);
    socket.destroy();
  }

  #left(): void {
    const wasClosed = this.closed;
    this.closed = true;
    this.#flush();
    if (!wasClosed) this.gone();
  }

  #written = (): void => {
    if (this.socket.writableLength > 0 && !this.socket.destroyed) return;
    this.#flush();
    if (this.#paused) {
      this.#paused = false;
      this.socket.resume();
    }
  };

  #flush(): void {
    const resume = this.#onFlushed;
    this.#flushed = undefined;
    this.#onFlushed = undefined;
    resume?.();
  }
}

function destroy(socket: Socket): void {
  socket.destroy();
}
