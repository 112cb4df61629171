// The applications of the fault harness, in one script: CASE names the one to run. They write down on descriptor 100, the journal,
// when they are called, when they have returned, and when their body is closed.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApplicationFunction, type Block, type Header, runWithCgi } from 'run-with-cgi';
import { cgiScript } from 'run-with-cgi/host';

/** The descriptor of the journal: parent.c reads it. */
const JOURNAL = 100;
const TEXT: Header[] = [['Content-Type', 'text/plain']];
const BLOCK = 'x'.repeat(100_000);

function mark(word: string): void {
  try {
    writeSync(JOURNAL, `${word}\n`);
  } catch {
    // Not under the harness: the build tries the script out.
  }
}

/** An application whose body counts its close(). */
function counted(body: (environ: Parameters<ApplicationFunction>[0]) => Iterable<Block> | AsyncIterable<Block>): ApplicationFunction {
  return (environ, startResponse) => {
    mark('called');
    startResponse('200 OK', TEXT);
    const blocks = body(environ);
    const close = () => mark('closed');
    mark('returned');
    return Symbol.asyncIterator in blocks
      ? { [Symbol.asyncIterator]: () => blocks[Symbol.asyncIterator](), close }
      : { [Symbol.iterator]: () => blocks[Symbol.iterator](), close };
  };
}

const applications: Record<string, ApplicationFunction> = {
  hello(_environ, startResponse) {
    startResponse('200 OK', TEXT);
    return ['hello\n'];
  },
  blocks: counted(() => ['one\n', 'two\n', 'three\n']),
  large: counted(() => [BLOCK, BLOCK, BLOCK]),
  stream: counted(async function* () {
    for (const word of ['one\n', 'two\n', 'three\n']) {
      await sleep(1);
      yield word;
    }
  }),
  write(_environ, startResponse) {
    mark('called');
    const write = startResponse('200 OK', TEXT);
    write('one\n');
    write('two\n');
    mark('returned');
    return { [Symbol.iterator]: () => ['three\n'].values(), close: () => mark('closed') };
  },
  file(environ, startResponse) {
    mark('called');
    startResponse('200 OK', TEXT);
    const fd = openSync(String(environ.FILE), 'r');
    mark('returned');
    const close = () => {
      mark('closed');
      closeSync(fd);
    };
    return environ['wsgi.file_wrapper']({ fd, close }, 1000);
  },
  echo: counted(({ 'wsgi.input': input }) => [input.read()]),
  lines: counted(function* ({ 'wsgi.input': input }) {
    for (const line of input) yield line;
  }),
  'async-echo': counted(({ 'wsgi.input': input }) => input),
  part: counted(({ 'wsgi.input': input }) => [input.read(10), '\n']),
  unread: counted(() => ['unread\n']),
  // The gateway keeps the body before it writes on, in a temporary file if it is large.
  spooled: counted(function* ({ 'wsgi.input': input }) {
    yield BLOCK;
    yield input.read();
  }),
  'throws-at-once': () => {
    mark('called');
    throw new Error('on purpose');
  },
  'throws-later': counted(function* () {
    yield 'one\n';
    throw new Error('on purpose');
  }),
  'throws-in-close': (_environ, startResponse) => {
    mark('called');
    startResponse('200 OK', TEXT);
    mark('returned');
    return {
      [Symbol.iterator]: () => ['one\n'].values(),
      close() {
        mark('closed');
        throw new Error('on purpose');
      },
    };
  },
  'slow-close': (_environ, startResponse) => {
    mark('called');
    startResponse('200 OK', TEXT);
    mark('returned');
    return {
      [Symbol.iterator]: () => ['one\n'].values(),
      async close() {
        await sleep(5);
        mark('closed');
      },
    };
  },
  logs: counted(function* (environ) {
    console.log('printed');
    environ['wsgi.errors'].write('logged\n');
    yield 'one\n';
    console.error('printed');
    yield 'two\n';
  }),
  children: counted(function* () {
    yield 'one\n';
    spawnSync('/bin/true', { stdio: 'ignore' });
    yield 'two\n';
  }),
  hosted: (environ, startResponse) => cgiScript(String(environ.PROGRAM))(environ, startResponse),
};

const application = applications[process.env.CASE ?? 'hello'];
if (application === undefined) throw new Error(`no application ${process.env.CASE}`);
void runWithCgi(application);
