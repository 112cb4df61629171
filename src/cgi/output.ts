// The response's way out of a CGI script: head and blocks onto a descriptor, each in one piece and at
// once, without ever waiting for a server that waits for us.

import { fs } from '../fs.ts';
import type { Input } from '../gateway/input.ts';
import type { Sink } from '../gateway/sink.ts';
import type { Block } from '../types.ts';
import type { RenderHead } from './head.ts';

/** What surely fits a pipe that nobody reads from: a page, which is all that a user gets who has used up the pipe memory. */
const PIPE_HOLDS = 4_096;

/** How much of a first block leaves together with the head. */
const FIRST_PIECE = 32_768;

/** Of what the application left unread, so much is taken off the server's hands. */
const DISCARD = 64 * 1024 * 1024;

/** Milliseconds after which an asynchronous read of the body is taken to wait for something that has not been sent. */
const AT_HAND = 100;

const FILE_CHUNK = 256 * 1024;

export interface OutputOptions {
  /** Takes a block completely, or throws. */
  write(block: Block): void | Promise<void>;
  /** Whether `write` is done when it returns, as with a descriptor; so a file can pass through one buffer. */
  isSynchronous: boolean;
  renderHead: RenderHead;
  input: Input;
  /** The server may hand over the whole request body before it reads a byte of ours: Apache, uwsgi, civetweb, fcgiwrap. */
  mustReadFirst: boolean;
  /** Called before the first byte is written. */
  onStart(): void;
  /** Called after the last. */
  onEnd(): void | Promise<void>;
}

export function openOutput({ write, isSynchronous, renderHead, input, mustReadFirst, onStart, onEnd }: OutputOptions): Sink {
  let written = 0;
  /** What waits when a timeout or a signal ends the response is not written any more. */
  let ended = false;
  const sink: Sink = {
    start(status, headers, block = '') {
      onStart();
      const head = renderHead(status, headers);
      // In one piece: busybox decides by the first 8 bytes of its first read.
      if (typeof block === 'string' && block.length <= FIRST_PIECE && Buffer.byteLength(head) === head.length) {
        return sink.write(head + block);
      }
      const bytes = typeof block === 'string' ? Buffer.from(block) : block;
      const rest = bytes.subarray(FIRST_PIECE);
      const begun = sink.write(Buffer.concat([Buffer.from(head, 'latin1'), bytes.subarray(0, FIRST_PIECE)]));
      if (rest.length === 0) return begun;
      return begun ? begun.then(() => sink.write(rest)) : sink.write(rest);
    },
    write(block) {
      if (ended) return;
      if (mustReadFirst && !input.received) {
        written += Buffer.byteLength(block);
        if (written > PIPE_HOLDS) {
          // The application reads ahead: what comes after that read can be taken only when it is over.
          if (input.reading) return input.reading.then(() => sink.write(block));
          input.spool();
        }
      }
      return write(block);
    },
    end() {
      ended = true;
      if (mustReadFirst && input.reading) {
        const atHand = new Promise((resolve) => setTimeout(resolve, AT_HAND));
        return Promise.race([input.reading, atHand]).then(() => {
          input.discard(DISCARD);
          return onEnd();
        });
      }
      if (mustReadFirst) input.discard(DISCARD);
      return onEnd();
    },
  };
  if (isSynchronous) {
    const sendFile = (descriptor: number, length: number): number | Promise<number> => {
      // One buffer serves for all of it, so no write may have to wait.
      if (mustReadFirst && input.reading) return input.reading.then(() => sendFile(descriptor, length));
      const buffer = Buffer.allocUnsafe(Math.min(FILE_CHUNK, length));
      let sent = 0;
      while (sent < length && !ended) {
        const count = fs.readSync(descriptor, buffer, 0, Math.min(buffer.length, length - sent), null);
        if (count === 0) break;
        sink.write(buffer.subarray(0, count));
        sent += count;
      }
      return sent;
    };
    sink.sendFile = sendFile;
  }
  return sink;
}
