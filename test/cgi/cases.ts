// The scripts of the process tests, in one file: CASE names the application to run.

import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, openSync, readdirSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeCoverage } from 'node:v8';
import { captureApplications } from '../../src/cgi/capture.ts';
import { setWorkAfterResponse } from '../../src/cgi/work-after-response.ts';
import { type ApplicationFunction, guardStdout, type RunWithCgiOptions, runWithCgi } from '../../src/index.ts';

const TEXT: [string, string][] = [['Content-Type', 'text/plain']];
const never = new Promise<never>(() => {});
/** Where a case leaves its mark after the response: nobody listens to it any more. */
const mark = (text: string) => appendFileSync(process.env.MARK ?? '/dev/null', `${text}\n`);
const MEGABYTE = 'x'.repeat(1_000_000);

const text =
  (body: (environ: Parameters<ApplicationFunction>[0]) => ReturnType<ApplicationFunction>): ApplicationFunction =>
  (environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return body(environ);
  };

const cases: Record<string, ApplicationFunction> = {
  hello: text(() => ['hello\n']),
  environ: text((environ) => [
    Buffer.from(`${JSON.stringify(environ, (_key, value) => (typeof value === 'function' ? 'function' : value))}`, 'latin1'),
  ]),
  located(environ, startResponse) {
    startResponse(String(environ.STATUS), [...TEXT, ['location', '/there']]);
    return 'x';
  },
  proxy: text((environ) => `${environ.HTTP_PROXY} ${process.env.HTTP_PROXY}`),
  argv: text(() => JSON.stringify(process.argv.slice(2))),
  echo: text((environ) => environ['wsgi.input'].read()),
  length: text((environ) => String(environ['wsgi.input'].read().length)),
  'async-echo': text((environ) => environ['wsgi.input']),
  async 'async-whole'(environ, startResponse) {
    const blocks: Buffer[] = [];
    for await (const block of environ['wsgi.input']) blocks.push(block);
    startResponse('200 OK', TEXT);
    return Buffer.concat(blocks);
  },
  'write-then-read': text(function* (environ) {
    yield MEGABYTE;
    yield MEGABYTE;
    yield String(environ['wsgi.input'].read().length);
  }),
  'write-large': text(function* () {
    yield MEGABYTE;
    yield MEGABYTE;
  }),
  unread: text(() => 'unread\n'),
  'in-step': text(async function* (environ) {
    yield 'begin';
    for await (const block of environ['wsgi.input']) yield block;
  }),
  'read-ahead': text(async function* (environ) {
    const blocks = environ['wsgi.input'][Symbol.asyncIterator]();
    const ahead = blocks.next();
    yield MEGABYTE;
    yield MEGABYTE;
    let length = (await ahead).value?.length ?? 0;
    for (let step = await blocks.next(); !step.done; step = await blocks.next()) length += step.value.length;
    yield String(length);
  }),
  'file-read-ahead': text((environ) => {
    void environ['wsgi.input'][Symbol.asyncIterator]().next();
    return environ['wsgi.file_wrapper'](openSync('/proc/self/exe', 'r'), 1000);
  }),
  'unread-read-ahead': text((environ) => {
    void environ['wsgi.input'][Symbol.asyncIterator]().next();
    return 'unread\n';
  }),
  large: text(() => [MEGABYTE, MEGABYTE, MEGABYTE]),
  'large-then-exit': text(function* () {
    for (let count = 0; count < 3; count++) yield MEGABYTE;
    process.exit(0);
  }),
  blocks: text(function* () {
    yield 'a';
    yield 'b';
    yield new Uint8Array([99]);
  }),
  async flushed(_environ, startResponse) {
    await startResponse('200 OK', TEXT).flushHeaders?.();
    return (async function* () {
      await sleep(10);
      yield 'late';
    })();
  },
  bytes: text(() => [Uint8Array.from({ length: 70_000 }, (_, at) => at % 251)]),
  print: text(() => {
    console.log('printed %s', 'log');
    console.error('printed error');
    process.stdout.write('printed stdout\n');
    process.stdout.write('7072696e746564206865780a', 'hex');
    for (const byte of Buffer.from('printed \u00fc\n')) process.stdout.write(Buffer.of(byte));
    process.stderr.write(Buffer.from('printed stderr\n'));
    console.table([{ a: 1 }]);
    try {
      writeSync(1, 'printed by number\n');
    } catch {}
    return `fd ${(process.stdout as { fd?: number }).fd}\n`;
  }),
  errors: text((environ) => {
    environ['wsgi.errors'].write('one\n');
    environ['wsgi.errors'].writelines(['two\n', 'drei ü €\n']);
    environ['wsgi.errors'].flush();
    environ['wsgi.errors'].write(5 as unknown as string);
    return 'logged\n';
  }),
  'errors-megabyte': text((environ) => {
    environ['wsgi.errors'].write(MEGABYTE);
    return 'logged\n';
  }),
  'errors-hostile': text((environ) => {
    environ['wsgi.errors'].write({
      toString() {
        throw new Error('x');
      },
    } as unknown as string);
    return 'logged\n';
  }),
  throw: () => {
    throw new Error('thrown');
  },
  uncaught: text(() => {
    setTimeout(() => {
      throw new Error('uncaught');
    }, 1);
    return never;
  }),
  'uncaught-after-head': text(async function* () {
    yield 'begun';
    setTimeout(() => {
      throw new Error('uncaught');
    }, 1);
    await sleep(5000);
  }),
  rejection: text(() => {
    void Promise.reject(new Error('unhandled'));
    return sleep(5000, '');
  }),
  'uncaught-after-response': text(() => ({
    [Symbol.iterator]: () => ['complete'].values(),
    async close() {
      setTimeout(() => {
        throw new Error('too late');
      }, 1);
      await sleep(20);
      mark('closed');
    },
  })),
  never: () => never,
  'never-close': text(() => ({ [Symbol.iterator]: () => ['complete'].values(), close: () => never })),
  'hang-close': text(() => ({ [Symbol.iterator]: () => ['complete'].values(), close: () => sleep(60_000) })),
  exit: () => process.exit(3),
  'exit-waiting': text(async () => {
    await sleep(1);
    process.exit();
  }),
  'open-handles': text(() => {
    setInterval(() => {}, 1000);
    return 'done\n';
  }),
  'throw-in-close': text(() => ({
    [Symbol.iterator]: () => ['complete'].values(),
    close() {
      throw new Error('too late');
    },
  })),
  'slow-close': text(() => ({
    [Symbol.iterator]: () => ['complete'].values(),
    async close() {
      await sleep(300);
      mark('closed');
    },
  })),
  wait: text(() => ({
    async *[Symbol.asyncIterator]() {
      yield 'begun';
      mark('begun');
      await sleep(60_000);
    },
    close: () => mark('closed'),
  })),
  'wait-before-head': async () => {
    mark('begun');
    await sleep(60_000);
    return null;
  },
  endless: text(() => ({
    *[Symbol.iterator]() {
      for (;;) yield MEGABYTE;
    },
    close: () => mark('closed'),
  })),
  child: text(() => {
    spawn('/bin/sleep', ['20'], { detached: true, stdio: ['inherit', 'inherit', 'ignore'] }).unref();
    return 'a child lives on\n';
  }),
  'child-of-a-child': text(() => {
    spawnSync('/bin/sh', ['-c', '/bin/sleep 20 &'], { stdio: ['inherit', 'inherit', 'ignore'] });
    return 'a child lives on\n';
  }),
  // A kernel without CONFIG_PROC_CHILDREN does not tell of children.
  'child-unseen': text(() => {
    const fs = process.getBuiltinModule('node:fs');
    const { readFileSync } = fs;
    Reflect.set(fs, 'readFileSync', (path: unknown, ...more: unknown[]) => {
      if (String(path).startsWith('/proc/self/task/')) throw new Error('ENOENT');
      return Reflect.apply(readFileSync, fs, [path, ...more]);
    });
    spawn('/bin/sleep', ['20'], { detached: true, stdio: ['inherit', 'inherit', 'ignore'] }).unref();
    return 'a child lives on\n';
  }),
  'child-prints': text(() => {
    const child = spawn('/bin/echo', ['printed by a child'], { stdio: 'inherit' });
    return new Promise((resolve) => child.on('close', () => resolve('done\n')));
  }),
  'pending-read': text(async (environ) => {
    void environ['wsgi.input'][Symbol.asyncIterator]().next();
    await sleep(1);
    return 'did not wait\n';
  }),
  'timers-run': text(async (environ) => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    for await (const _ of environ['wsgi.input']);
    clearInterval(timer);
    return ticks > 3 ? 'ticked\n' : `only ${ticks}\n`;
  }),
  file: text((environ) => environ['wsgi.file_wrapper'](openSync('/proc/self/exe', 'r'))),
  'file-part': (environ, startResponse) => {
    startResponse('200 OK', [['Content-Length', '1000000']]);
    return environ['wsgi.file_wrapper'](openSync('/proc/self/exe', 'r'));
  },
  'file-of-unknown-size': text((environ) => environ['wsgi.file_wrapper'](openSync('/proc/version', 'r'), 10)),
  'file-that-ends': text((environ) => environ['wsgi.file_wrapper'](openSync('/dev/null', 'r'))),
  async memory(_environ, startResponse) {
    startResponse('200 OK', TEXT);
    const seen: string[] = [];
    const echo: ApplicationFunction = (environ, start) => {
      start('200 OK', []);
      environ['wsgi.errors'].write('logged');
      return environ['wsgi.input'].read();
    };
    const blocks = ['a', 'bc', null];
    const write = (bytes: Uint8Array) => seen.push(Buffer.from(bytes).toString());
    const environ = { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '3' };
    const stderr = { write: (words: string) => seen.push(words) };
    await runWithCgi(echo, { environ, stdin: 'abc', stdout: { write }, stderr });
    await runWithCgi(echo, { environ, stdin: Buffer.from('abc'), stdout: { write: async (bytes) => write(bytes) }, stderr, nph: true });
    await runWithCgi(echo, { environ, stdin: { read: () => blocks.shift() }, stdout: { write }, stderr });
    await runWithCgi(echo, { environ, stdin: { read: () => null }, stdout: { write }, stderr });
    await runWithCgi(() => null, { environ: {}, stdin: '', stdout: { write: async (bytes) => write(bytes) }, stderr: { write() {} } });
    const large: ApplicationFunction = (_given, start) => {
      start('200 OK', []);
      return 'y'.repeat(40_000);
    };
    await runWithCgi(large, { environ: {}, stdin: '', stdout: { write: async (bytes) => write(bytes.subarray(0, 15)) } });
    return JSON.stringify(seen);
  },
  latin1: (_environ, startResponse) => {
    startResponse('200 OK', [['X-Name', 'Dürer']]);
    return 'ü';
  },
  'not-found': (_environ, startResponse) => {
    startResponse('404 Not Found', TEXT);
    return 'no\n';
  },
  dated: (_environ, startResponse) => {
    startResponse('200 OK', [['Date', 'Sat, 01 Jan 2000 00:00:00 GMT']]);
    return 'x';
  },
};

// A process that kills itself has no other moment to write its coverage down.
const { kill } = process;
process.kill = (...target) => {
  takeCoverage();
  return kill.apply(process, target);
};

const options: RunWithCgiOptions = JSON.parse(process.env.OPTIONS ?? '{}');
const application = cases[process.env.CASE ?? 'hello'];
if (application === undefined) throw new Error(`no case ${process.env.CASE}`);
if (process.env.BEFORE === 'guard') {
  guardStdout();
  spawnSync('/bin/echo', ['printed by a child'], { stdio: 'inherit' });
}
if (['print', 'guard'].includes(process.env.BEFORE ?? '')) console.log('printed before');
if (process.env.BEFORE === 'take')
  process.on(
    'exit',
    captureApplications(() => writeSync(2, 'taken')),
  );
if (process.env.BEFORE === 'work') {
  const leadsTo = (descriptor: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return ''; // that of readdirSync itself
    }
  };
  // An executable has already replaced descriptor 1.
  const given = ['0', '1', '2'].map(leadsTo).filter((target) => target !== '/dev/null');
  process.on('exit', () => writeSync(2, 'before the work'));
  setWorkAfterResponse(() => {
    const open = readdirSync('/proc/self/fd').filter((descriptor) => given.includes(leadsTo(descriptor)));
    mark(`worked, with ${open.length} descriptors of the server`);
    writeSync(2, 'in the work');
  });
}
if (process.env.BEFORE === 'fail') {
  // A function of node:fs that works on descriptors fails, as on a host that hides /proc. A descriptor is closed all the same.
  const fs = process.getBuiltinModule('node:fs');
  const name = process.env.FAILING as 'readlinkSync' | 'fstatSync' | 'closeSync';
  const { closeSync } = fs;
  Reflect.set(fs, name, (subject: number | string) => {
    if (name === 'closeSync') closeSync(Number(subject));
    if (name !== 'closeSync' || subject === 1) throw new Error('EIO');
  });
}
if (process.env.BEFORE === 'change') process.env.HTTP_X = 'changed';
if (process.env.BEFORE === 'lose') process.env.HTTP_X = '\ufffd';
const finished = runWithCgi(application, options);
if (process.env.AFTER === 'twice') {
  try {
    void runWithCgi(application);
  } catch (error) {
    writeFileSync(process.env.MARK ?? '/dev/null', String(error));
  }
}
if (process.env.AFTER === 'await') void finished.then(() => mark('after'));
