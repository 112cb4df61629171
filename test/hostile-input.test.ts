// What a client, an upstream server, a hosted program or a web server sends, as bad as it can be: sixteen times as much of it
// is about sixteen times the work. What is quadratic takes 256 times as long, and one request of a few kilobytes stops a process.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { exactVariables } from '../src/environ/variables.ts';
import { decodePairs, encodePairs, GET_VALUES, makeRecord, PARAMS, RecordParser } from '../src/fastcgi/records.ts';
import { fromFetch, toFetch } from '../src/fetch/index.ts';
import { fromFetch as fromLightFetch } from '../src/fetch/index-light.ts';
import { createRequest, Response as LightResponse } from '../src/fetch/light/index.ts';
import { Input } from '../src/gateway/input.ts';
import { Spool } from '../src/gateway/spool.ts';
import { HeadReader } from '../src/host/head.ts';
import { cgiBin } from '../src/host/index.ts';
import { logLines } from '../src/host/log-lines.ts';
import { unchunk } from '../src/host/unchunk.ts';
import { allow, compress, forward, limitRate, urlMap } from '../src/middleware/index.ts';
import { fromNode } from '../src/node/index.ts';
import { HeadersParser } from '../src/scgi/headers.ts';
import { call } from '../src/testing/index.ts';
import type { Application, Header } from '../src/types.ts';
import { shiftPathInfo } from '../src/util.ts';

const TIMES = 16;
/** What is linear has a factor of four to it, and what is quadratic another four. */
const MOST = TIMES ** 1.5;
/** Microseconds. What takes less is taken to take so long: that is not to be told from nothing. */
const LEAST = 2_000;

type Work = (size: number) => unknown;

/** Of this process alone, so that others do not change it, and of the best of three runs, so that the garbage does not. */
async function microseconds(work: Work, size: number): Promise<number> {
  let least = Infinity;
  for (let runs = 0; runs < 3; runs++) {
    const before = process.cpuUsage();
    await work(size);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, user + system);
  }
  return least;
}

async function growsLinearly(work: Work, size: number): Promise<void> {
  const little = Math.max(LEAST, await microseconds(work, size));
  expect((await microseconds(work, size * TIMES)) / little).toBeLessThan(MOST);
}

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-hostile-'));
const open: ReturnType<typeof createServer>[] = [];
afterAll(() => {
  rmSync(folder, { recursive: true });
  for (const server of open) server.close();
});

/** An upstream server that answers each request with these bytes. */
async function upstream(answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
  }).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const text: Header[] = [['Content-Type', 'text/plain']];
const plain: Application = (_environ, startResponse) => {
  startResponse('200 OK', text);
  return 'ok';
};
const light = (read: (request: Request) => unknown) =>
  fromLightFetch(async (request) => {
    await read(request);
    return new LightResponse('ok') as unknown as Response;
  });

const forwarded: Application = async (environ, startResponse) => forward([await upstream()])(environ, startResponse);
const limited = limitRate(plain, { limit: 1e6, window: 1e9, directory: folder });
const APPLICATIONS = {
  fromFetch: fromFetch(() => new Response('ok')),
  'fromFetch in a built script': light(() => {}),
  'blob() in a built script': light((request) => request.blob()),
  fromNode: fromNode((request, response) => void response.end(request.url)),
  cgiBin: cgiBin(folder),
  urlMap: urlMap({ '/a/b': plain, 'example.org/a': plain }),
  compress: compress(plain),
  forward: forwarded,
};

describe('a path', () => {
  const PATHS: Record<string, (size: number) => string> = {
    'of slashes': (size) => '/'.repeat(size),
    'of dots': (size) => '/.'.repeat(size),
    'down and up': (size) => '/a'.repeat(size) + '/..'.repeat(size),
    'of encoded dots': (size) => '/%2e%2e'.repeat(size),
    'of encoded slashes': (size) => '/%2f'.repeat(size),
    'of percents': (size) => `/${'%'.repeat(size)}`,
    'of backslashes': (size) => `/${'\\'.repeat(size)}`,
    'of marks': (size) => `/a${'?#'.repeat(size)}`,
    'of one long segment': (size) => `/${'a'.repeat(size)}`,
    'that could be a scheme': (size) => 'a'.repeat(size),
    'of a whole URL': (size) => `http://${'a'.repeat(size)}${'/b'.repeat(size)}`,
  };
  const cases = Object.keys(PATHS).flatMap((what) => Object.keys(APPLICATIONS).map((name) => [what, name] as const));

  test.each(cases)('%s, to %s', async (what, name) => {
    const application = APPLICATIONS[name as keyof typeof APPLICATIONS];
    await growsLinearly(async (size) => {
      const path = PATHS[what]?.(size) ?? '';
      await call(application, { path });
      const half = path.length / 2;
      await call(application, { path, environ: { SCRIPT_NAME: path.slice(0, half), PATH_INFO: path.slice(half) } });
    }, 1_500);
  });

  test.each(Object.entries(PATHS))('%s, taken apart by shiftPathInfo', async (_what, path) => {
    await growsLinearly((size) => {
      const environ = { SCRIPT_NAME: '', PATH_INFO: path(size) };
      while (shiftPathInfo(environ) !== undefined);
    }, 700);
  });
});

describe('a header', () => {
  const inner = (size: number) => `a${' '.repeat(size)}b`;
  const VALUES: [header: string, what: string, value: (size: number) => string][] = [
    ['X-Any', 'spaces', inner],
    ['Host', 'colons', (size) => `a${':1'.repeat(size)}x`],
    ['Cookie', 'semicolons', (size) => ';'.repeat(size)],
    ['Accept-Encoding', 'spaces', inner],
    ['Accept-Encoding', 'commas and spaces', (size) => ', '.repeat(size)],
    ['Accept-Encoding', 'weights', (size) => 'gzip;q=0,'.repeat(size)],
    ['Accept-Encoding', 'semicolons', (size) => `gzip${'; '.repeat(size)}`],
    ['Transfer-Encoding', 'spaces', (size) => `chunked${' '.repeat(size)}x`],
    ['Content-Type', 'spaces in a name', (size) => `text/${inner(size)}`],
    ['Content-Type', 'spaces in a parameter', (size) => `text/plain;charset=${inner(size)}`],
    ['Content-Type', 'parameters', (size) => `text/plain${';a'.repeat(size)}`],
    ['Content-Type', 'escaped quotes', (size) => `text/plain;a="${'\\"'.repeat(size)}`],
    ['Content-Type', 'commas', (size) => ','.repeat(size)],
    ['Connection', 'spaces', (size) => `close,${inner(size)}`],
    ['X-Forwarded-For', 'commas', (size) => ', '.repeat(size)],
  ];
  const cases = VALUES.flatMap(([header, what, value]) => Object.keys(APPLICATIONS).map((name) => [header, what, name, value] as const));

  test.each(cases)('%s of %s, to %s', async (header, _what, name, value) => {
    const application = APPLICATIONS[name as keyof typeof APPLICATIONS];
    await growsLinearly((size) => call(application, { method: 'POST', headers: [[header, value(size)]], body: 'x' }), 3_000);
  });

  test.each(Object.entries(APPLICATIONS))('beside many others, to %s', async (_name, application) => {
    await growsLinearly((size) => call(application, { headers: Array.from({ length: size }, (_, at): Header => [`X-${at}`, 'v']) }), 500);
    await growsLinearly((size) => call(application, { headers: Array.from({ length: size }, (): Header => ['X-One', 'value']) }), 500);
  });

  test('Connection that names all of many others, to forward', async () => {
    await growsLinearly((size) => {
      const names = Array.from({ length: size }, (_, at) => `x-${at}`);
      return call(forwarded, { headers: [['Connection', names.join()], ...names.map((name): Header => [name, 'v'])] });
    }, 500);
  });

  test('Connection of spaces beside many others, from an upstream server', async () => {
    await growsLinearly(async (size) => {
      const others = 'X: y\r\n'.repeat(size / 10);
      const url = await upstream(`HTTP/1.1 200 OK\r\nConnection: close,${inner(size)}\r\n${others}Content-Length: 0\r\n\r\n`);
      await call(forward([url]));
    }, 800);
  });

  test.each([
    ['Vary', (size: number) => `a,${' '.repeat(size)}b`],
    ['Cache-Control', (size: number) => ', '.repeat(size)],
    ['Content-Type', (size: number) => `a/b${'+'.repeat(size)}`],
    ['ETag', (size: number) => `"${' '.repeat(size)}`],
  ])('%s of a response, to compress', async (name, value) => {
    const answering = (size: number): Application => {
      return (_environ, startResponse) => {
        startResponse('200 OK', [...text.filter(([other]) => other !== name), [name, value(size)]]);
        return 'ok';
      };
    };
    await growsLinearly((size) => call(compress(answering(size)), { headers: { 'Accept-Encoding': 'gzip' } }), 3_000);
  });

  test.each([
    ['allow', allow(plain, ['::1', '10.0.0.0/8'])],
    ['limitRate', limited],
  ])('REMOTE_ADDR, to %s', async (_name, application) => {
    for (const character of ['%', ':', '0:', '::ffff:', '.']) {
      await growsLinearly((size) => call(application, { environ: { REMOTE_ADDR: `${character.repeat(size)}\n` } }), 5_000);
    }
  });
});

/** Each byte in a piece of its own. */
function* bytewise(bytes: string): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) yield Buffer.from(bytes.charAt(at), 'latin1');
}

async function* asArriving(pieces: Iterable<Buffer>) {
  yield* pieces;
}

function spooled(pieces: Iterable<Buffer>): Spool {
  const spool = new Spool();
  for (const piece of pieces) spool.add(piece);
  return spool;
}

describe('a request body', () => {
  const whole = (size: number, text = 'x') => new Input(spooled([Buffer.from(text.repeat(size))]), size);

  test.each<[string, number, Work]>([
    [
      'that arrives byte by byte and is kept',
      16_000,
      (size) => {
        const spool = spooled(bytewise('x'.repeat(size)));
        const buffer = Buffer.alloc(65_536);
        while (spool.read(buffer) > 0);
      },
    ],
    [
      'that arrives byte by byte without a line end',
      4_000,
      (size) => {
        let left = size;
        new Input({ read: (buffer) => (left-- > 0 ? Buffer.from('x').copy(buffer) : 0) }, Infinity).readline();
      },
    ],
    ['of line ends', 20_000, (size) => [...whole(size, '\n')].length],
    [
      'that is read byte by byte',
      20_000,
      (size) => {
        const input = whole(size);
        while (input.read(1).length > 0);
      },
    ],
    [
      'that is read as lines of one byte',
      20_000,
      (size) => {
        const input = whole(size);
        while (input.readline(1).length > 0);
      },
    ],
    [
      'of a Request, byte by byte',
      3_000,
      (size) => {
        const body = ReadableStream.from(bytewise('x'.repeat(size)));
        return toFetch(plain)(new Request('http://a/', { method: 'POST', body, duplex: 'half' }));
      },
    ],
    [
      'of a Request in a built script, byte by byte',
      3_000,
      (size) => {
        const body = () => asArriving(bytewise('x'.repeat(size)));
        const signal = () => new AbortController().signal;
        return createRequest({ url: 'http://a/', method: 'POST', headers: [], body, signal } as never).text();
      },
    ],
  ])('%s', (_what, size, work) => growsLinearly(work, size));
});

describe('what a web server sends', () => {
  const receiver = { record() {}, badVersion() {} };
  const pairs = (list: [string, string][]) => decodePairs(encodePairs(list).toString('latin1'), Object.create(null));

  test.each<[string, number, Work]>([
    ...[GET_VALUES, PARAMS].map((type): [string, number, Work] => [
      `a FastCGI record of type ${type}, byte by byte`,
      4_000,
      (size) => {
        const parser = new RecordParser(receiver);
        for (const byte of bytewise(makeRecord(type, 1, Buffer.alloc(size)).toString('latin1'))) parser.feed(byte);
      },
    ]),
    ['many FastCGI variables', 4_000, (size) => pairs(Array.from({ length: size }, (_, at) => [`A${at}`, 'value']))],
    ['many FastCGI variables of one name', 4_000, (size) => pairs(Array.from({ length: size }, () => ['HTTP_A', 'value']))],
    [
      'an SCGI head, byte by byte',
      2_000,
      (size) => {
        const parser = new HeadersParser(Infinity);
        for (const byte of bytewise(`${8 * size}:${'NAME\0ab\0'.repeat(size)},`)) parser.feed(byte);
      },
    ],
    [
      'many SCGI variables of one name',
      4_000,
      (size) => new HeadersParser(Infinity).feed(Buffer.from(`${10 * size}:${'HTTP_A\0ab\0'.repeat(size)},`)),
    ],
    ['an environment of one name', 4_000, (size) => exactVariables({ HTTP_A: 'value' }, 'HTTP_A=value\0'.repeat(size))],
  ])('%s', (_what, size, work) => growsLinearly(work, size));
});

describe('what a hosted program says', () => {
  const read = (output: string) => {
    try {
      new HeadReader().read(Buffer.from(output));
    } catch {
      // no head, which is to be found out soon
    }
  };
  const all = async (blocks: AsyncIterable<unknown>) => {
    for await (const _ of blocks);
  };
  const CHUNKS = '1\r\nx\r\n';

  test.each<[string, number, Work]>([
    [
      'a head, byte by byte',
      3_000,
      (size) => {
        const reader = new HeadReader();
        for (const byte of bytewise(`Status: 200\n${'X: y\n'.repeat(size / 5)}\n`)) reader.read(byte);
      },
    ],
    ['many headers, and as many statuses', 250, (size) => read(`${'a:\n'.repeat(size)}${'Status:1\n'.repeat(size)}\n`)],
    ['many lengths', 200, (size) => read(`${'a:\n'.repeat(size)}${'Content-Length:1\n'.repeat(size)}\n`)],
    ['a status line of spaces', 4_000, (size) => read(`HTTP/1.1${' '.repeat(size)}\rx\n\n`)],
    ['a status of spaces', 4_000, (size) => read(`HTTP/1.1 200${' '.repeat(size)}\rx\n\n`)],
    ['a header of spaces', 4_000, (size) => read(`Status: 200\nX${' '.repeat(size)}:\n\n`)],
    ['line ends of CR', 4_000, (size) => read(`Status: 200\n${'\r'.repeat(size)}x\n\n`)],
    ['interim heads', 150, (size) => read(`${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(size)}Status: 200\n\n`)],
    ['chunks, byte by byte', 1_000, (size) => all(unchunk(asArriving(bytewise(`${CHUNKS.repeat(size)}0\r\n\r\n`))))],
    ['chunks of one byte', 3_000, (size) => all(unchunk(asArriving([Buffer.from(`${CHUNKS.repeat(size)}0\r\n\r\n`)])))],
    [
      'a log, byte by byte',
      4_000,
      (size) => {
        const stream = new PassThrough();
        const logged = logLines(stream, { write() {}, writelines() {}, flush() {} });
        for (const byte of bytewise('x'.repeat(size))) stream.write(byte);
        stream.end();
        return logged;
      },
    ],
  ])('%s', (_what, size, work) => growsLinearly(work, size));
});

test('a response that a Node listener writes byte by byte, without waiting', async () => {
  const writing = (size: number) =>
    fromNode((_request, response) => {
      for (let count = 0; count < size; count++) response.write('x');
      response.end();
    });
  await growsLinearly((size) => call(writing(size)), 6_000);
});
