// SCGI as a web server sees it: what it sends and gets, byte for byte, over real sockets.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serveScgi } from '../../src/scgi/index.ts';
import type { ApplicationFunction, Environ } from '../../src/types.ts';
import { until } from '../host/processes.ts';
import { type Client, head, request, response, serve, text } from './client.ts';

const PLAIN: [string, string][] = [['Content-Type', 'text/plain']];

const echo: ApplicationFunction = (environ, startResponse) => {
  const body = environ['wsgi.input'].read();
  startResponse('200 OK', PLAIN);
  return [body];
};

const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', PLAIN);
  return 'hello';
};

/** Returns an answer that the gateway itself makes. */
const bare = (status: string) => text(`${status}\n`, status);

describe('a request', () => {
  test('is answered as a CGI script would, in one piece, and the connection ends', async () => {
    const client = (await serve(hello)).client().send(request());
    expect(await client.end()).toBe(text('hello'));
    expect(client.pieces).toBe(1);
  });

  test('has a body of CONTENT_LENGTH bytes although more follows', async () => {
    expect(
      await (await serve(echo))
        .client()
        .send(`${request({}, 'body')}more`)
        .end(),
    ).toBe(text('body'));
  });

  test('has no body without CONTENT_LENGTH', async () => {
    expect(await (await serve(hello)).client().send('26:SCGI\x001\0REQUEST_METHOD\0GET\0,').end()).toBe(text('hello'));
  });

  test('has the head of CGI: under Apache a 200 has no Location', async () => {
    const { client } = await serve((_environ, startResponse) => {
      startResponse('200 OK', [...PLAIN, ['Location', '/there']]);
      return 'x';
    });
    const length = 'Content-Length: 1';
    expect(await client().send(request()).end()).toBe(response('200 OK', ['Content-Type: text/plain', 'Location: /there', length], 'x'));
    const received = await client()
      .send(request({ SERVER_SOFTWARE: 'Apache/2.4.71' }))
      .end();
    expect(received).toBe(response('200 OK', ['Content-Type: text/plain', length], 'x'));
  });

  test("has the server's variables in environ, byte for byte", async () => {
    const seen: Environ[] = [];
    const application: ApplicationFunction = (environ, startResponse) => {
      seen.push(environ);
      return hello(environ, startResponse);
    };
    const { client } = await serve(application, { port: 0, env: { 'app.key': 1 }, multiprocess: false });
    await client()
      .send(request({ PATH_INFO: '/\xe9', HTTP_PROXY: 'http://evil', QUERY_STRING: '', 'wsgi.url_scheme': 'ftp', 'cgi.lossy': 'x' }))
      .end();
    const { 'wsgi.input': _input, 'wsgi.errors': _errors, 'wsgi.file_wrapper': _wrap, ...rest } = seen[0] ?? ({} as Environ);
    expect(rest).toEqual({
      'app.key': 1,
      CONTENT_LENGTH: '0',
      PATH_INFO: '/\xe9',
      QUERY_STRING: '',
      REQUEST_METHOD: 'GET',
      SCGI: '1',
      SCRIPT_NAME: '/app',
      SERVER_NAME: 'site.example',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.0',
      'wsgi.input_terminated': true,
      'wsgi.multiprocess': false,
      'wsgi.multithread': true,
      'wsgi.run_once': false,
      'wsgi.url_scheme': 'http',
      'wsgi.version': [1, 0],
    });
  });

  test('gets the same answer in any cutting', async () => {
    const { client } = await serve(echo);
    const whole = request({ HTTP_X: 'x'.repeat(50) }, 'the body');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 8 }), async (cuts) => {
        const one = client();
        one.socket.setNoDelay(true);
        const places = [0, ...cuts.sort((a, b) => a - b), whole.length];
        for (let at = 1; at < places.length; at++) {
          one.send(whole.slice(places[at - 1], places[at]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await one.end()).toBe(text('the body'));
      }),
      { numRuns: 40 },
    );
  });

  test('may have a body that is kept in a file', async () => {
    const body = 'abcdefg'.repeat(500_000);
    expect((await (await serve(echo)).client().send(request({}, body)).end()) === text(body)).toBe(true);
  });
});

describe('is refused', () => {
  test.each([
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
    ['no length', ':,'],
    ['a length with a leading zero', '012:CONTENT_LENGTH\0'],
    ['a negative length', '-1:,'],
    ['another end than a comma', '4:A\x001\0;'],
    ['a name without a value', '2:A\0,'],
    ['a value without an end', '3:A\x001,'],
  ])('with 400: %s', async (_what, bytes) => {
    const serving = await serve(hello);
    expect(await serving.client().send(bytes).end()).toBe(bare('400 Bad Request'));
    expect(serving.errors).toMatch(/^scgi: RequestError \[params-malformed\]: .* must .*\n$/);
  });

  test('with 431: headers longer than maxParamsSize, before they are sent', async () => {
    const serving = await serve(hello, { port: 0, maxParamsSize: 99 });
    const client = serving.client().send('100:');
    await until(() => client.received === bare('431 Request Header Fields Too Large'));
    expect(serving.errors).toBe(
      "scgi: RequestError [params-too-large]: A request's headers must not be longer than maxParamsSize, 99 bytes\n",
    );
  });

  test('with 413: a body longer than maxBodySize, before it is sent; the whole answer arrives', async () => {
    const client = (await serve(echo, { port: 0, maxBodySize: 10 })).client().send(head({}, 1_000_000));
    await until(() => client.received === bare('413 Content Too Large'));
    client.send('x'.repeat(1_000_000));
    expect(await client.end()).toBe(bare('413 Content Too Large'));
  });

  test.each(['x', '-1', '-2', '1 ', '99999999999999999999'])('with 4xx: CONTENT_LENGTH %j', async (length) => {
    expect(await (await serve(echo)).client().send(head({}, length)).end()).toMatch(/^Status: 4(?:00|13) /);
  });
});

describe('the response', () => {
  test('leaves block by block', async () => {
    let proceed = () => {};
    const { client } = await serve((_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (async function* () {
        yield 'one';
        await new Promise<void>((resolve) => {
          proceed = resolve;
        });
        yield Buffer.from('two');
      })();
    });
    const one = client().send(request());
    const begun = response('200 OK', ['Content-Type: text/plain'], 'one');
    await until(() => one.received === begun);
    proceed();
    expect(await one.end()).toBe(`${begun}two`);
  });

  test.each([100, 40_000, 2_000_000])('of %i bytes is whole', async (size) => {
    const body = Buffer.alloc(size, 'abc\u00e9\u20ac');
    for (const block of [body, body.toString()]) {
      const { client } = await serve((_environ, startResponse) => {
        startResponse('200 OK', PLAIN);
        return block;
      });
      expect((await client().send(request()).end()) === text(Buffer.from(block).toString('latin1'))).toBe(true);
    }
  });

  test('to HEAD has no body', async () => {
    expect(
      await (await serve(hello))
        .client()
        .send(request({ REQUEST_METHOD: 'HEAD' }))
        .end(),
    ).toBe(response('200 OK', ['Content-Type: text/plain', 'Content-Length: 5']));
  });

  test('of an application that fails is 500, and the log has the cause', async () => {
    const serving = await serve(() => {
      throw new Error('the cause');
    });
    expect(await serving.client().send(request()).end()).toBe(bare('500 Internal Server Error'));
    expect(serving.errors).toMatch(/^scgi: Error: the cause\n/);
  });

  test('that breaks off resets a TCP connection, because a plain end would look complete', async () => {
    let client: Client;
    const application: ApplicationFunction = (_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (async function* () {
        yield 'abc';
        // libuv takes a reset that comes together with data for an end.
        await until(() => client.received.endsWith('abc'));
        throw new Error('the cause');
      })();
    };
    const codes: unknown[] = [];
    client = (await serve(application)).client().send(request());
    client.socket.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
    expect(await client.end()).toBe(response('200 OK', ['Content-Type: text/plain'], 'abc'));
    expect(codes).toEqual(['ECONNRESET']);

    const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-scgi-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    client = (await serve(application, { socket: join(folder, 's') })).client().send(request());
    expect(await client.end()).toBe(response('200 OK', ['Content-Type: text/plain'], 'abc'));
  });

  test('that takes longer than the timeout is 504', async () => {
    const { client } = await serve(() => new Promise(() => {}), { port: 0, timeout: 50 });
    expect(await client().send(request()).end()).toBe(bare('504 Gateway Timeout'));
  });

  test('waits for a server that takes it slowly', async () => {
    let produced = 0;
    const { client } = await serve((_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (function* () {
        for (; produced < 500; produced++) yield Buffer.alloc(60_000);
      })();
    });
    const one = client();
    one.socket.pause();
    one.send(request());
    await sleep(200);
    expect(produced).toBeLessThan(300);
    one.socket.resume();
    expect((await one.end()).length).toBe(30_000_000 + response('200 OK', ['Content-Type: text/plain']).length);
  });
});

test('a client that leaves interrupts the application, and is no failure', async () => {
  let release = () => {};
  let closes = 0;
  const serving = await serve((_environ, startResponse) => {
    startResponse('200 OK', PLAIN);
    return (async function* () {
      try {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        yield 'too late';
      } finally {
        closes++;
      }
    })();
  });
  const begun = release;
  const client = serving.client().send(request());
  await until(() => release !== begun);
  client.socket.end();
  await client.end();
  release();
  await until(() => closes === 1);
  const bytes = request({}, 'body');
  for (let at = 0; at < bytes.length; at += 9) serving.client().send(bytes.slice(0, at)).socket.resetAndDestroy();
  await sleep(50);
  expect(serving.errors).toBe('');
});

test.each([
  ['at once', ''],
  ['within the length', '7'],
  ['within the headers', head({}, 0).slice(0, 30)],
  ['within the body', request({}, 'body').slice(0, -1)],
])('a web server that stalls %s loses its connection', async (_where, bytes) => {
  const serving = await serve(hello, { port: 0, stallTimeout: 100 });
  expect(await serving.client().send(bytes).end()).toBe('');
  expect(serving.errors).toBe('scgi: the web server has not sent the rest of a request for 100 ms; the connection is closed\n');
});

test('close() finishes running requests, and closes idle connections', async () => {
  let release = () => {};
  const serving = await serve(async (_environ, startResponse) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    startResponse('200 OK', PLAIN);
    return 'done';
  });
  const idle = serving.client();
  const begun = release;
  const busy = serving.client().send(request());
  await until(() => release !== begun);
  let closed = false;
  serving.server.close(() => {
    closed = true;
  });
  expect(await idle.end()).toBe('');
  expect(closed).toBe(false);
  release();
  expect(await busy.end()).toBe(text('done'));
  await until(() => closed);
});

test('serveScgi needs an address to listen on', () => {
  expect(() => serveScgi(hello, {})).toThrow('A gateway listens on one of socket, port and fd, got none of them');
});
