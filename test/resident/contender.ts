// A process that wants the path of a Unix socket. It reads "listen" and "close" from standard input, and writes "listening",
// "closed", or the code of an error to standard output.
//
// With the argument "stepwise" it asks before each step that it takes in the folder of the path: it writes "step" and what it is
// about to do, and waits for a line on descriptor 3.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { serveFastCgi } from '../../src/fastcgi/index.ts';
import { fs } from '../../src/fs.ts';

const [, , socket = '', mode] = process.argv;

const STEPS = ['existsSync', 'linkSync', 'lstatSync', 'openSync', 'readdirSync', 'renameSync', 'rmSync', 'unlinkSync', 'writeFileSync'];
const write = (line: string) => fs.writeSync(1, `${line}\n`);
const byte = new Uint8Array(1);
const { readSync } = fs;

for (const name of mode === 'stepwise' ? STEPS : []) {
  const step: unknown = Reflect.get(fs, name);
  if (typeof step !== 'function') throw new TypeError(name);
  Reflect.set(fs, name, (path: unknown, ...more: unknown[]) => {
    if (String(path).startsWith(socket.slice(0, socket.lastIndexOf('/')))) {
      write(`step ${name} ${path}`);
      readSync(3, byte);
    }
    return Reflect.apply(step, fs, [path, ...more]);
  });
}

let server: ReturnType<typeof serveFastCgi> | undefined;
write('ready');
for await (const line of createInterface(process.stdin)) {
  if (line === 'close') {
    const closed = server && once(server, 'close');
    server?.close();
    server = undefined;
    await closed;
    write('closed');
    continue;
  }
  const attempt = serveFastCgi(() => '', { socket });
  attempt.on('listening', () => {
    server = attempt;
    write('listening');
  });
  attempt.on('error', (error: NodeJS.ErrnoException) => write(error.code ?? error.message));
}
