// A socket without a system behind it, for millions of connections. It has what a resident gateway uses of a socket.

import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

export class Wire extends EventEmitter {
  readonly sent: Uint8Array[] = [];
  writableLength = 0;
  destroyed = false;
  /** Whether it has ended, or is about to be destroyed. */
  over = false;
  paused = false;
  /** Whether the peer takes nothing until `flush`. */
  isSlow: boolean;
  #callbacks: (() => void)[] = [];

  constructor(isSlow: boolean) {
    super();
    this.isSlow = isSlow;
  }

  /** Itself as a socket. This is the only cast: a gateway uses nothing of a socket that is not here. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  write(bytes: Uint8Array, callback: () => void): boolean {
    if (this.destroyed || this.over) throw new Error('a write after the end');
    if (bytes.length === 0) throw new Error('a write of nothing');
    this.sent.push(bytes);
    if (this.isSlow) {
      this.writableLength += bytes.length;
      this.#callbacks.push(callback);
    }
    return true;
  }

  setTimeout(): this {
    return this;
  }

  cork(): void {}
  uncork(): void {}

  pause(): this {
    this.paused = true;
    return this;
  }

  resume(): this {
    this.paused = false;
    return this;
  }

  end(): this {
    this.over = true;
    return this;
  }

  destroySoon(): void {
    this.over = true;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroy(): this {
    if (!this.destroyed) {
      this.destroyed = true;
      this.over = true;
      setImmediate(() => this.emit('close'));
    }
    return this;
  }

  /** Lets the peer take everything that was sent. */
  flush(): void {
    this.writableLength = 0;
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  /** Lets the peer leave. */
  leave(): void {
    this.emit('end');
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}
