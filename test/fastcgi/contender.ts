// A process that wants a socket's path: for each line on standard input, "listen" or "close", one on standard output, which
// says what has come of it.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { serveFastCgi } from '../../src/fastcgi/index.ts';

const [, , socket = ''] = process.argv;
let server: ReturnType<typeof serveFastCgi> | undefined;

process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) {
  if (line === 'close') {
    const closed = server && once(server, 'close');
    server?.close();
    server = undefined;
    await closed;
    process.stdout.write('closed\n');
    continue;
  }
  const attempt = serveFastCgi(() => '', { socket });
  attempt.on('listening', () => {
    server = attempt;
    process.stdout.write('listening\n');
  });
  attempt.on('error', (error: NodeJS.ErrnoException) => process.stdout.write(`${error.code}\n`));
}
