import { once } from 'node:events';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import zlib, { brotliDecompressSync, constants, createBrotliDecompress, createGunzip, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { compress } from '../../src/middleware/index.ts';
import { makeServer } from '../../src/server/index.ts';
import { call } from '../../src/testing/index.ts';
import type { Application, Block, Environ, Header, StartResponse } from '../../src/types.ts';
import { response, run as runScript } from '../fakes.ts';
import { answering, checked, watched } from './applications.ts';

const TEXT: Header[] = [['Content-Type', 'text/plain']];
const LONG = 'A long text, which says the same again. '.repeat(100);

const run = (application: Application, accepted = 'gzip', method = 'GET') =>
  call(checked((inner) => compress(inner))(application), { method, headers: { 'Accept-Encoding': accepted } });

describe("the coding is the one with the client's highest quality value", () => {
  test.each<[string, string | undefined]>([
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['*', 'br'],
    ['GZIP', 'gzip'],
    ['br;q=0, gzip;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['deflate', undefined],
    ['gzip;q=0', undefined],
    ['', undefined],
  ])('Accept-Encoding: %s is %s', async (accepted, coding) => {
    const response = await run(answering(LONG), accepted);
    expect(response.headers.get('Content-Encoding')).toBe(coding);
    expect(response.headers.get('Vary')).toBe('Accept-Encoding');
    const decode = { gzip: gunzipSync, br: brotliDecompressSync }[coding ?? ''] ?? ((bytes: Buffer) => bytes);
    expect(String(decode(response.body))).toBe(LONG);
  });
});

describe('responses that stay as they are', () => {
  test.each<[string, Application]>([
    ['a small body', answering('small')],
    ['one in an array', answering(['small'])],
    ['one that says its length', answering(() => watched(['small']).body, [...TEXT, ['Content-Length', '5']])],
    ['nothing', answering(null)],
  ])('%s, save for Vary', async (_what, application) => {
    const plain = await call(application);
    const response = await run(application);
    expect(response.body).toEqual(plain.body);
    expect([...response.headers].toSorted()).toEqual([...plain.headers, ['Vary', 'Accept-Encoding']].toSorted());
  });

  test.each<[string, Header[], string?]>([
    ['an image', [['Content-Type', 'image/png']]],
    ['what has no type', [['X', 'y']]],
    ['what is encoded', [...TEXT, ['Content-Encoding', 'zstd']]],
    ['a range', [...TEXT, ['Content-Range', 'bytes 0-3999/9000']], '206 Partial Content'],
    ['a 206 of several ranges', [['Content-Type', 'text/plain']], '206 Partial Content'],
    ['no-transform', [...TEXT, ['Cache-Control', 'public, No-Transform']]],
    ['a digest', [...TEXT, ['Repr-Digest', 'sha-256=:x:']]],
  ])('%s, in every way', async (_what, headers, status = '200 OK') => {
    const application = answering(LONG, headers, status);
    const [plain, response] = [await call(application), await call(compress(application), { headers: { 'Accept-Encoding': 'gzip' } })];
    expect({ ...response, headers: [...response.headers] }).toEqual({ ...plain, headers: [...plain.headers] });
  });

  test('the head of a HEAD stays as it is, except for Vary', async () => {
    const response = await run(answering(null, [...TEXT, ['Content-Length', '4000']]), 'gzip', 'HEAD');
    expect([...response.headers].toSorted()).toEqual([['Content-Length', '4000'], ...TEXT, ['Vary', 'Accept-Encoding']]);
  });
});

test.each([
  'text/html; charset=utf-8',
  'application/json',
  'application/ld+json',
  'image/svg+xml',
  'text/javascript',
  'application/javascript',
  'application/atom+xml;x=y',
  'TEXT/CSS',
])('%s is compressed', async (type) =>
  expect((await run(answering(LONG, [['Content-Type', type]]))).headers.get('Content-Encoding')).toBe('gzip'),
);

test.each<[Header[], Header[]]>([
  [[['Content-Length', String(LONG.length)]], []],
  [[['Accept-Ranges', 'bytes']], []],
  [[['ETag', '"a"']], [['ETag', 'W/"a"']]],
  [[['ETag', 'W/"a"']], [['ETag', 'W/"a"']]],
  [[['Vary', 'Accept']], [['Vary', 'Accept, Accept-Encoding']]],
  [[['Vary', 'accept-encoding']], [['Vary', 'accept-encoding']]],
  [[['Vary', '*']], [['Vary', '*']]],
  [
    [
      ['Vary', 'A'],
      ['Vary', 'B'],
    ],
    [['Vary', 'A, B, Accept-Encoding']],
  ],
  [
    [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ],
    [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ],
  ],
])('the headers %j become %j', async (headers, expected) => {
  const { headers: seen } = await run(answering(LONG, [...TEXT, ...headers]));
  const rest = [...seen].filter(
    ([name, value]) => !['Content-Type', 'Content-Encoding', 'Content-Length'].includes(name) && value !== 'Accept-Encoding',
  );
  expect(rest).toEqual(expected);
});

test('a body of one block has a Content-Length', async () => {
  const response = await run(answering(LONG));
  expect(response.headers.get('Content-Length')).toBe(String(response.body.length));
});

test.each(['gzip', 'br'])('%s: each block can be decompressed when it has arrived', async (coding) => {
  const blocks = ['one', LONG, '', 'ü€', Buffer.from([0, 255]), 'x'.repeat(300_000)];
  const { body, seen } = watched(blocks);
  const response = await run(answering(body), coding);
  const decoder = coding === 'br' ? createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }) : createGunzip();
  const decoded: Buffer[] = [];
  decoder.on('data', (bytes) => decoded.push(bytes));
  const wanted = blocks.filter(({ length }) => length > 0);
  for (const [at, block] of response.blocks.slice(0, wanted.length).entries()) {
    decoded.length = 0;
    await new Promise((resolve) => decoder.write(block, resolve));
    await new Promise(setImmediate);
    expect(Buffer.concat(decoded)).toEqual(Buffer.from(wanted[at] ?? ''));
  }
  expect(seen.slice(-2)).toEqual(['left', 'closed']);
});

test('PEP 3333 #90: each block of the application gives one block', async () => {
  const wrapped = compress(answering(watched(['a', '', 'b', '']).body))(
    { HTTP_ACCEPT_ENCODING: 'gzip', REQUEST_METHOD: 'GET' } as never,
    () => () => {},
  );
  const lengths: number[] = [];
  for await (const block of (await wrapped) as AsyncIterable<Block>) lengths.push(block.length);
  expect(lengths.map((length) => length > 0)).toEqual([true, false, true, false, true]);
});

test.each([true, false])('write() is compressed in its order, awaited or not (%s)', async (isAwaited) => {
  const application = async (_environ: Environ, startResponse: StartResponse) => {
    const write = startResponse('200 OK', TEXT);
    for (const block of ['a', LONG, 'b']) {
      const written = write(block);
      if (isAwaited) await written;
    }
    return ['c', 'd'];
  };
  const response = await run(application);
  expect(response.headers.get('Content-Encoding')).toBe('gzip');
  expect(String(gunzipSync(response.body))).toBe(`a${LONG}bcd`);
});

test('write.flushHeaders() sends the head of a response that will be compressed', async () => {
  const application = async (_environ: Environ, startResponse: StartResponse) => {
    const write = startResponse('200 OK', TEXT);
    await write.flushHeaders?.();
    return (async function* () {
      yield 'small';
    })();
  };
  const { writes } = await runScript(compress(application), { environ: { HTTP_ACCEPT_ENCODING: 'gzip' } });
  expect(writes[0]).toBe(response('200 OK', ['Content-Type: text/plain', 'Vary: Accept-Encoding', 'Content-Encoding: gzip']));
  expect(String(gunzipSync(Buffer.from(writes.slice(1).join(''), 'latin1')))).toBe('small');
});

test('any blocks decompress to the same bytes', async () => {
  const blocks = fc.array(fc.oneof(fc.uint8Array({ maxLength: 5000 }), fc.string({ unit: 'binary', maxLength: 5000 })), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(blocks, fc.constantFrom('gzip', 'br'), fc.boolean(), async (given, coding, isAsync) => {
      const { body, headers, errors, complete } = await run(answering(watched(given, isAsync).body), coding);
      expect([errors, complete]).toEqual(['', true]);
      const isEncoded = headers.has('Content-Encoding');
      const decoded = !isEncoded ? body : coding === 'br' ? brotliDecompressSync(body) : gunzipSync(body);
      expect(decoded.equals(Buffer.concat(given.map((block) => Buffer.from(block))))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('PEP 3333 #44: a second startResponse() is an error, with null for excInfo as without one', async () => {
  for (const excInfo of [undefined, null]) {
    const { status, errors } = await run((_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      startResponse('404 Not Found', TEXT, excInfo);
      return 'never sent';
    });
    expect([excInfo, status, errors]).toEqual([
      excInfo,
      '500 Internal Server Error',
      expect.stringContaining('startResponse() called twice'),
    ]);
  }
});

describe('PEP 3333 #43, #46: a status or headers that are wrong are refused at once, as without compress()', () => {
  const bad: [string, unknown, unknown][] = [
    ['a status that is a number', 200, TEXT],
    ['a status without a reason', '200', TEXT],
    ['headers that are no list', '200 OK', { 'Content-Type': 'text/plain' }],
    ['a header with a line end', '200 OK', [['Content-Type', 'text/plain\n']]],
  ];
  const cases = bad.flatMap((one) => ['gzip', 'identity', ''].map((accepted) => [...one, accepted] as const));

  test.each(cases)('%s: the application can still answer (%#)', async (_what, status, headers, accepted) => {
    const application: Application = (_environ, startResponse) => {
      try {
        startResponse(status as string, headers as Header[]);
      } catch (error) {
        startResponse('200 OK', TEXT, error);
        return (error as { code: string }).code;
      }
      return 'not refused';
    };
    const plain = await call(application);
    const response = await call(compress(application), { headers: { 'Accept-Encoding': accepted } });
    expect(String(response.body)).toBe(String(plain.body));
    expect(String(plain.body)).not.toBe('not refused');
  });

  test.each(cases)('%s: the log says the same (%#)', async (_what, status, headers, accepted) => {
    const application: Application = (_environ, startResponse) => {
      try {
        startResponse(status as string, headers as Header[]);
      } catch {
        // The application goes on as if nothing had happened.
      }
      return 'text';
    };
    const plain = await call(application);
    const response = await call(compress(application), { headers: { 'Accept-Encoding': accepted } });
    const message = (text: string) => /^.*Error: .*$/m.exec(text)?.[0];
    expect([response.status, message(response.errors)]).toEqual([plain.status, message(plain.errors)]);
    expect(message(plain.errors)).toMatch(/write\(\) after a startResponse\(\) that was refused/);
  });
});

describe('the native memory of an encoder', () => {
  afterEach(() => vi.restoreAllMocks());

  /** How many of the encoders that were made from now on still hold theirs. */
  function encoders(): { made(): number; held(): number } {
    const spies = [vi.spyOn(zlib, 'createBrotliCompress'), vi.spyOn(zlib, 'createGzip')];
    const all = () => spies.flatMap((spy) => spy.mock.results.map(({ value }) => value as zlib.Gzip));
    return { made: () => all().length, held: () => all().filter(({ closed }) => !closed).length };
  }

  test.each(['br', 'gzip'])('is freed when the client leaves: %s', async (coding) => {
    const { made, held } = encoders();
    const endless: Application = (_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      return (async function* () {
        for (;;) yield await new Promise<string>((resolve) => setTimeout(resolve, 1, LONG));
      })();
    };
    const server = makeServer('127.0.0.1', 0, compress(endless), { accessLog: false });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (let clients = 0; clients < 20; clients++) {
      const request = get({ port, host: '127.0.0.1', agent: false, headers: { 'Accept-Encoding': coding } });
      request.on('error', () => {});
      const [response] = await once(request, 'response');
      await once(response, 'data');
      request.destroy();
    }
    await vi.waitFor(() => expect(held()).toBe(0), { timeout: 10_000 });
    expect(made()).toBe(20);
    server.close();
  });

  test('is freed when the response is complete, and when the application fails after write()', async () => {
    const { made, held } = encoders();
    const failing: Application = async (_environ, startResponse) => {
      await startResponse('200 OK', TEXT)(LONG);
      throw new Error('on purpose');
    };
    expect((await run(failing)).complete).toBe(false);
    expect((await run(answering(LONG))).complete).toBe(true);
    expect((await run(answering(watched([LONG, LONG]).body))).complete).toBe(true);
    expect((await run(answering(watched([LONG, new Error('on purpose')]).body))).complete).toBe(false);
    await vi.waitFor(() => expect(held()).toBe(0));
    expect(made()).toBe(4);
  });
});
