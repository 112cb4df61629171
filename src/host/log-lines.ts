// Copies the standard error of a program to the server's log in whole lines, so that the lines of programs that run at the same
// time do not mix.

import type { Readable } from 'node:stream';
import type { ErrorStream } from '../types.ts';

/** The longest line, in characters. A longer one is written before its end has come. */
const MAX_LINE = 8192;

/** Writes all of `stream` to `errors`, with a newline after the last line. Resolves when the stream has ended. */
export function logLines(stream: Readable, errors: ErrorStream): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const end = rest.length + text.length > MAX_LINE ? text.length : text.lastIndexOf('\n') + 1;
    if (end > 0) errors.write(rest + text.slice(0, end));
    rest = end > 0 ? text.slice(end) : rest + text;
  });
  return new Promise((resolve) => {
    stream.on('error', () => {}); // 'close' comes after it
    stream.on('close', () => {
      if (rest !== '') errors.write(`${rest}\n`);
      resolve();
    });
  });
}
