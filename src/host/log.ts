// A program's standard error on its way to the server's log: whole lines, so that those of programs which
// run at the same time do not mix.

import type { Readable } from 'node:stream';
import type { ErrorStream } from '../types.ts';

/** What has grown this long, in characters, is passed on without the end of its line. */
const LONGEST = 8192;

/** Writes all of `stream` to `errors`, the end of the last line included. Resolves when the stream has ended. */
export function logLines(stream: Readable, errors: ErrorStream): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const end = rest.length + text.length > LONGEST ? text.length : text.lastIndexOf('\n') + 1;
    if (end > 0) errors.write(rest + text.slice(0, end));
    rest = end > 0 ? text.slice(end) : rest + text;
  });
  return new Promise((resolve) => {
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => {
      if (rest !== '') errors.write(`${rest}\n`);
      resolve();
    });
  });
}
