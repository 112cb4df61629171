// The rules on wsgi.input: how the application may read, and what the server must return.

import { show } from '../show.ts';
import type { InputStream } from '../types.ts';
import type { Enforcer } from './contract-error.ts';
import type { ResponseChecker } from './response.ts';

/// ## wsgi.input
///
/// `wsgi.input` is the request body. It ends where `CONTENT_LENGTH` says; without `CONTENT_LENGTH` it ends where the body ends.
/// After the end every read returns nothing. If the body breaks off before its end, every read throws an error.

/** Returns `input` with checks of both sides. */
export function checkedInput(input: InputStream, response: ResponseChecker, { application, server }: Enforcer): InputStream {
  /// - **`input-size`** The application calls `read(size?)`, `readline(size?)` and `readlines(hint?)`. The argument is an
  ///   integer or absent. A negative one means the same as none, as in Python.
  const checkSize = (method: string, args: unknown[]) => {
    const [size] = args;
    application('input-size', args.length <= 1 && (size === undefined || Number.isInteger(size)), () => {
      return `wsgi.input.${method}() takes one integer or nothing, got ${args.map(show).join(', ')}`;
    });
    checkTime();
  };
  /// - **`input-after-end`** The application does not read after the request is over.
  const checkTime = () => application('input-after-end', !response.over, () => 'wsgi.input was read after the request had ended');

  /// - **`input-bytes`** The server returns a `Uint8Array`. `read(size)` returns as many bytes as the application asks for, or
  ///   what is left if that is less. `readline()` returns one line with its `\n`, of at most `size` bytes. `readlines()`
  ///   returns an array of lines.
  const checkBytes = (method: string, bytes: unknown, size: unknown) => {
    const limit = typeof size === 'number' && size >= 0 ? size : Infinity;
    server('input-bytes', bytes instanceof Uint8Array && bytes.length <= limit, () => {
      return `wsgi.input.${method}(${size ?? ''}) must return bytes, and at most so many, got ${bytes instanceof Uint8Array ? bytes.length : show(bytes)}`;
    });
  };
  const checkLine = (method: string, line: unknown, size: unknown) => {
    checkBytes(method, line, size);
    const newline = line instanceof Uint8Array ? line.indexOf(10) : -1;
    server('input-bytes', newline < 0 || newline === (line as Uint8Array).length - 1, () => `wsgi.input.${method}() must give one line`);
  };

  return {
    read(...args) {
      checkSize('read', args);
      const bytes = input.read(...args);
      checkBytes('read', bytes, args[0]);
      return bytes;
    },
    readline(...args) {
      checkSize('readline', args);
      const line = input.readline(...args);
      checkLine('readline', line, args[0]);
      return line;
    },
    readlines(...args) {
      checkSize('readlines', args);
      const lines = input.readlines(...args);
      server('input-bytes', Array.isArray(lines), () => `wsgi.input.readlines() must give an array, got ${show(lines)}`);
      for (const line of lines) checkLine('readlines', line, undefined);
      return lines;
    },
    /// - **`input-iteration`** Iteration gives the remaining lines. Asynchronous iteration gives blocks as they arrive (Δ). No
    ///   line and no block is empty.
    *[Symbol.iterator]() {
      for (const line of input) {
        checkTime();
        checkLine('[Symbol.iterator]', line, undefined);
        server('input-iteration', line.length > 0, () => 'Iterating over wsgi.input must give no empty line');
        yield line;
      }
    },
    async *[Symbol.asyncIterator]() {
      for await (const block of input) {
        checkTime();
        checkBytes('[Symbol.asyncIterator]', block, undefined);
        server('input-iteration', block.length > 0, () => 'Iterating over wsgi.input must give no empty block');
        yield block;
      }
    },
    /// - **`input-close`** The application does not close `wsgi.input`.
    // The type InputStream has no close(), so TypeScript takes one only by way of a spread.
    ...{
      close() {
        application('input-close', false, () => "wsgi.input is the server's and must not be closed");
      },
    },
  };
}
