// One connection from a web server to a resident gateway: bytes in and out, neither of them faster than the
// other side takes them, and an end that loses nothing.

import type { Socket } from 'node:net';

/** Bytes of output that nobody takes, above which no more requests are read. */
const CONGESTED = 256 * 1024;

/** Milliseconds for the peer to notice that we have answered before it had said all. */
const LINGER = 5_000;

export abstract class ResidentConnection {
  readonly socket: Socket;
  /** Nothing that arrives counts any more. */
  protected closed = false;
  protected draining = false;
  #flushed: Promise<void> | undefined;
  #onFlushed: (() => void) | undefined;
  #paused = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (this.closed) return;
      this.receive(chunk);
      if (socket.writableLength > CONGESTED) {
        this.#paused = true;
        socket.pause();
      }
    });
    // A web server says only in this way that its client has left.
    socket.on('end', () => this.#leave());
    socket.on('close', () => this.#leave());
    // "close" follows.
    socket.on('error', () => {});
  }

  protected abstract receive(chunk: Buffer): void;

  /** The peer has left. Called once. */
  protected abstract gone(): void;

  /** Whether a request is on its way, in or out. */
  protected abstract get busy(): boolean;

  /** Whether all that the peer had to say has arrived, so that closing cannot cut it off. */
  protected abstract get received(): boolean;

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

  /** Closes when the running requests are answered. */
  drain(): void {
    this.draining = true;
    if (!this.busy) this.close();
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

  #leave(): void {
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
