// A process that wants a socket's path, and asks before each step in its folder: on descriptor 1 it says "step" and what it is
// about to do, and waits for a line on descriptor 3. On standard input "listen" and "close" tell it what to want, and
// what comes of that is said as "listening", "closed", or the code of an error.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { serveFastCgi } from '../../src/fastcgi/index.ts';
import { fs } from '../../src/fs.ts';

const [, , socket = ''] = process.argv;

const say = (line: string) => fs.writeSync(1, `${line}\n`);
const byte = new Uint8Array(1);
const { readSync } = fs;

for (const name of [
  'existsSync',
  'linkSync',
  'lstatSync',
  'openSync',
  'readdirSync',
  'renameSync',
  'rmSync',
  'unlinkSync',
  'writeFileSync',
]) {
  const step: unknown = Reflect.get(fs, name);
  if (typeof step !== 'function') throw new TypeError(name);
  Reflect.set(fs, name, (path: unknown, ...more: unknown[]) => {
    if (String(path).startsWith(socket.slice(0, socket.lastIndexOf('/')))) {
      say(`step ${name} ${path}`);
      readSync(3, byte);
    }
    return Reflect.apply(step, fs, [path, ...more]);
  });
}

let server: ReturnType<typeof serveFastCgi> | undefined;
say('ready');
for await (const line of createInterface(process.stdin)) {
  if (line === 'close') {
    const closed = server && once(server, 'close');
    server?.close();
    server = undefined;
    await closed;
    say('closed');
    continue;
  }
  const attempt = serveFastCgi(() => '', { socket });
  attempt.on('listening', () => {
    server = attempt;
    say('listening');
  });
  attempt.on('error', (error: NodeJS.ErrnoException) => say(error.code ?? error.message));
}
