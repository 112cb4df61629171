// A socket without a system behind it, for millions of connections: what a resident gateway asks of one.

import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

export class Wire extends EventEmitter {
  readonly sent: Uint8Array[] = [];
  writableLength = 0;
  destroyed = false;
  /** Ended, or about to be destroyed. */
  over = false;
  paused = false;
  /** Whether the peer takes nothing until `flush`. */
  isSlow: boolean;
  #callbacks: (() => void)[] = [];

  constructor(isSlow: boolean) {
    super();
    this.isSlow = isSlow;
  }

  /** The only cast: of all that a socket is, a gateway uses what is here. */
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

  /** The peer takes all there is. */
  flush(): void {
    this.writableLength = 0;
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  /** The peer leaves. */
  leave(): void {
    this.emit('end');
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}
