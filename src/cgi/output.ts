// The sink of a CGI script: writes the head and the blocks of the response to a descriptor, each at once and in one piece. It
// never waits for a server that in turn waits for the script to read the request body.

import { fs } from '../fs.ts';
import { toBytes } from '../gateway/block.ts';
import type { Input } from '../gateway/input.ts';
import type { Sink } from '../gateway/sink.ts';
import type { Block } from '../types.ts';
import type { RenderHead } from './head.ts';

/** Bytes that surely fit into a pipe that nobody reads: one page. A user who has used up the memory for pipes gets no more. */
const PIPE_CAPACITY = 4_096;

/** How many bytes of the first block are written together with the head. */
const FIRST_PIECE = 32_768;

/** How many bytes of the request body are read and dropped at the end, if the application has not read them. */
const MAX_DISCARDED = 64 * 1024 * 1024;

/** Milliseconds after which an asynchronous read counts as one of a body that the client has not sent. */
const READ_TIMEOUT = 100;

/** How many bytes of a file are read and written at once. */
const FILE_CHUNK = 256 * 1024;

/** What the sink of a CGI script needs from its gateway. */
export interface OutputOptions {
  /** Writes all of a block, or throws. */
  write(block: Block): void | Promise<void>;
  /** Whether `write` has done its work when it returns, as with a descriptor. Then a file can be sent through one buffer. */
  isSynchronous: boolean;
  renderHead: RenderHead;
  input: Input;
  /** Whether the server may send the whole request body before it reads a byte of the response: Apache, uwsgi, civetweb, fcgiwrap. */
  serverSendsBodyFirst: boolean;
  /** Is called before the first byte is written. */
  onStart(): void;
  /** Is called after the last byte. */
  onEnd(): void | Promise<void>;
}

/** Returns the sink for one response. */
export function openOutput({ write, isSynchronous, renderHead, input, serverSendsBodyFirst, onStart, onEnd }: OutputOptions): Sink {
  let written = 0;
  /** Set when the response has ended, perhaps by a timeout or a signal. A block that waited then is not written any more. */
  let ended = false;
  const sink: Sink = {
    start(status, headers, block = '') {
      onStart();
      const head = renderHead(status, headers);
      // In one piece, because busybox looks only at the first 8 bytes of its first read.
      if (typeof block === 'string' && block.length <= FIRST_PIECE && Buffer.byteLength(head) === head.length) {
        return sink.write(head + block);
      }
      const bytes = toBytes(block);
      const rest = bytes.subarray(FIRST_PIECE);
      const begun = sink.write(Buffer.concat([Buffer.from(head, 'latin1'), bytes.subarray(0, FIRST_PIECE)]));
      if (rest.length === 0) return begun;
      return begun ? begun.then(() => sink.write(rest)) : sink.write(rest);
    },
    write(block) {
      if (ended) return;
      if (serverSendsBodyFirst && !input.received) {
        written += Buffer.byteLength(block);
        if (written > PIPE_CAPACITY) {
          // The application is reading. The rest of the body can be spooled only when that read has ended.
          if (input.reading) return input.reading.then(() => sink.write(block));
          input.spool();
        }
      }
      return write(block);
    },
    end() {
      ended = true;
      if (serverSendsBodyFirst && input.reading) {
        const timeout = new Promise((resolve) => setTimeout(resolve, READ_TIMEOUT));
        return Promise.race([input.reading, timeout]).then(() => {
          input.discard(MAX_DISCARDED);
          return onEnd();
        });
      }
      if (serverSendsBodyFirst) input.discard(MAX_DISCARDED);
      return onEnd();
    },
  };
  if (isSynchronous) {
    const sendFile = (descriptor: number, length: number): number | Promise<number> => {
      // The buffer is used again for each piece, so that no write may have to wait.
      if (serverSendsBodyFirst && input.reading) return input.reading.then(() => sendFile(descriptor, length));
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
