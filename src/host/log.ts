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
    rest += text;
    const end = rest.length > LONGEST ? rest.length : rest.lastIndexOf('\n') + 1;
    if (end === 0) return;
    errors.write(rest.slice(0, end));
    rest = rest.slice(end);
  });
  return new Promise((resolve) => {
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => {
      if (rest !== '') errors.write(`${rest}\n`);
      resolve();
    });
  });
}
