// The rules on wsgi.input: how the application may read, and what the server must give.

import { show } from '../show.ts';
import type { InputStream } from '../types.ts';
import type { Responding } from './response.ts';
import type { Judge } from './violation.ts';

/// ## wsgi.input
///
/// The request body. It ends where `CONTENT_LENGTH` says, or where the body ends if that has no known length;
/// from then on every read gives nothing. A body that breaks off before is an error, which every read throws.

export function checkedInput(input: InputStream, responding: Responding, { application, server }: Judge): InputStream {
  /// - **`input-size`** The application calls `read(size?)`, `readline(size?)` and `readlines(hint?)`. The argument
  ///   is an integer or absent; a negative one is the same as none, as in Python.
  const checkSize = (method: string, args: unknown[]) => {
    const [size] = args;
    application('input-size', args.length <= 1 && (size === undefined || Number.isInteger(size)), () => {
      return `wsgi.input.${method}() takes one integer or nothing, got ${args.map(show).join(', ')}`;
    });
    checkTime();
  };
  /// - **`input-after-end`** It does not read when the request is over.
  const checkTime = () => application('input-after-end', !responding.over, () => 'wsgi.input was read after the request had ended');

  /// - **`input-bytes`** What the server gives is a `Uint8Array`: from `read(size)` as many bytes as were asked for,
  ///   or what is left if that is less; from `readline()` one line with its `\n`, of at most `size` bytes; from
  ///   `readlines()` an array of lines.
  const checkBytes = (method: string, bytes: unknown, size: unknown) => {
    const limit = typeof size === 'number' && size >= 0 ? size : Infinity;
    server('input-bytes', bytes instanceof Uint8Array && bytes.length <= limit, () => {
      return `wsgi.input.${method}(${size ?? ''}) must give at most so many bytes, got ${bytes instanceof Uint8Array ? bytes.length : show(bytes)}`;
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
    /// - **`input-iteration`** Iterating gives the lines that are left; iterating asynchronously gives blocks as they
    ///   arrive (Δ). None of them is empty.
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
    /// - **`input-close`** The application does not close it.
    ...{
      close() {
        application('input-close', false, () => "wsgi.input is the server's and must not be closed");
      },
    },
  };
}
