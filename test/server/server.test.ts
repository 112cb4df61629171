// The development server over real sockets: what a client sends and gets, byte for byte.

import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runWithCgi } from '../../src/index.ts';
import { demoApp, makeServer } from '../../src/server/index.ts';
import { call } from '../../src/testing/index.ts';
import type { Application, ApplicationFunction, Environ, StartResponse } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';
import { until } from '../host/processes.ts';
import { ask, open } from '../servers/client.ts';
import { exchange, serve, withoutDate } from './raw.ts';

const echo: ApplicationFunction = validator(async (environ, startResponse) => {
  const pieces: Buffer[] = [];
  for await (const piece of environ['wsgi.input']) pieces.push(piece);
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.concat(pieces)];
});

/** Returns an application that shows `seen` its environ. */
function seeing(seen: Environ[]): ApplicationFunction {
  return validator((environ, startResponse) => {
    seen.push(environ);
    startResponse('204 No Content', []);
    return null;
  });
}

describe('environ', () => {
  test('RFC 3875 §4.1: has all variables of the request and the server', async () => {
    const seen: Environ[] = [];
    const { port } = await serve(seeing(seen));
    await exchange(
      port,
      'GET /a%20b/%E9?c=%20d?e HTTP/1.1\r\nHost: site.example:81\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=1\r\nCookie: b=2\r\n' +
        'Authorization: Basic x\r\nProxy: http://evil\r\nX_Name: no\r\nConnection: close\r\n\r\n',
    );
    const { 'wsgi.input': input, 'wsgi.errors': errors, 'wsgi.file_wrapper': wrap, ...rest } = seen[0] ?? ({} as Environ);
    expect([typeof input, typeof errors, typeof wrap]).toEqual(['object', 'object', 'function']);
    expect(rest).toEqual({
      GATEWAY_INTERFACE: 'CGI/1.1',
      HTTP_AUTHORIZATION: 'Basic x',
      HTTP_CONNECTION: 'close',
      HTTP_COOKIE: 'a=1; b=2',
      HTTP_HOST: 'site.example:81',
      HTTP_X_A: '1, 2',
      PATH_INFO: '/a b/\xe9',
      QUERY_STRING: 'c=%20d?e',
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_PORT: expect.stringMatching(/^\d+$/),
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/a%20b/%E9?c=%20d?e',
      SCRIPT_NAME: '',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: String(port),
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_SOFTWARE: 'run-with-cgi',
      'wsgi.input_terminated': true,
      'wsgi.multiprocess': false,
      'wsgi.multithread': true,
      'wsgi.run_once': false,
      'wsgi.url_scheme': 'http',
      'wsgi.version': [1, 0],
    });
    expect(Object.getPrototypeOf(seen[0])).toBeNull();
  });

  test.each([
    ['http://other.example/x?y', { HTTP_HOST: 'other.example', PATH_INFO: '/x', QUERY_STRING: 'y' }],
    ['http://other.example', { HTTP_HOST: 'other.example', PATH_INFO: '/', QUERY_STRING: '' }],
    ['*', { HTTP_HOST: 'a', PATH_INFO: '/', REQUEST_URI: '*' }],
    ['//x//y', { PATH_INFO: '//x//y' }],
    ['/a/../b', { PATH_INFO: '/b' }],
    ['/?', { PATH_INFO: '/', QUERY_STRING: '' }],
  ])('the target %s', async (target, expected) => {
    const seen: Environ[] = [];
    const { port } = await serve(seeing(seen));
    await exchange(port, `OPTIONS ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(seen[0]).toMatchObject(expected);
  });

  test("takes the deployer's values before its own, and wsgi.url_scheme from HTTPS", async () => {
    const seen: Environ[] = [];
    const { port } = await serve(seeing(seen), { env: { HTTPS: 'on', SERVER_NAME: 'public.example', 'app.db': 5 } });
    await ask(port, {});
    expect(seen[0]).toMatchObject({ HTTPS: 'on', SERVER_NAME: 'public.example', 'app.db': 5, 'wsgi.url_scheme': 'https' });
  });
});

describe('bodies', () => {
  test.each([
    ['with a length', 'Content-Length: 5\r\n', 'hello', '5'],
    ['of no length', 'Content-Length: 0\r\n', '', '0'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n', '2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n', '5'],
  ])('%s: %s', async (_claim, head, body, length) => {
    const seen: Environ[] = [];
    const application = validator((environ, startResponse) => {
      seen.push(environ);
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [environ['wsgi.input'].read()];
    });
    const { port } = await serve(application);
    const response = await exchange(port, `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${head}\r\n${body}`);
    expect(response.split('\r\n\r\n')[1]).toBe(length === '0' ? '' : 'hello');
    expect(seen[0]?.CONTENT_LENGTH).toBe(length);
  });

  test('20 MB go up, in a temporary file, and come back', async () => {
    const big = Buffer.alloc(20_000_000, 'abcdefg');
    const { port } = await serve(echo);
    const { body } = await ask(port, { method: 'POST', body: big });
    expect(body === big.toString('latin1')).toBe(true);
  });

  test('"Expect: 100-continue" is answered when the body may come', async () => {
    const { port } = await serve(echo);
    const socket = open(port, 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
    const [interim] = await once(socket, 'data');
    expect(String(interim)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('ok');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  });

  test('a body that is too large gets 413: when its length announces it, or when its chunks exceed the limit', async () => {
    const serving = await serve(echo, { maxBodySize: 10 });
    const announced = await exchange(
      serving.port,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n',
    );
    expect(announced).toMatch(/^HTTP\/1\.1 413 Content Too Large\r\n/);
    const chunked = await ask(serving.port, {
      method: 'POST',
      headers: ['Transfer-Encoding: chunked'],
      body: 'b\r\nhello world\r\n0\r\n\r\n',
    });
    expect(chunked).toMatchObject({ status: 413, body: '413 Content Too Large\n' });
    expect((await ask(serving.port, { method: 'POST', body: 'ten bytes.' })).body).toBe('ten bytes.');
    expect(serving.errors).toContain('RequestError [body-too-large]: The request body is longer than maxBodySize, 10 bytes\n');
  });

  test('any other expectation gets 417', async () => {
    const { port } = await serve(echo);
    expect((await ask(port, { headers: ['Expect: miracles'] })).status).toBe(417);
  });
});

describe('responses', () => {
  test('one block has a length, several are chunked', async () => {
    const { port } = await serve(
      validator((environ, startResponse) => {
        startResponse('200 Fine', [
          ['Content-Type', 'text/plain; charset=utf-8'],
          ['X-Latin', 'D\xfcrer'],
          ['Set-Cookie', 'a'],
          ['Set-Cookie', 'b'],
        ]);
        return environ.PATH_INFO === '/one' ? 'grün' : ['grün', Buffer.from(' und '), 'blau'];
      }),
    );
    const head = 'HTTP/1.1 200 Fine\r\nContent-Type: text/plain; charset=utf-8\r\nX-Latin: D\xfcrer\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n';
    expect(withoutDate(await exchange(port, 'GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))).toBe(
      `${head}Content-Length: 5\r\nConnection: close\r\n\r\ngr\xc3\xbcn`,
    );
    expect(withoutDate(await exchange(port, 'GET /many HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))).toBe(
      `${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ngr\xc3\xbcn\r\n5\r\n und \r\n4\r\nblau\r\n0\r\n\r\n`,
    );
    expect(withoutDate(await exchange(port, 'GET /many HTTP/1.0\r\n\r\n'))).toBe(`${head}Connection: close\r\n\r\ngr\xc3\xbcn und blau`);
  });

  test('a Content-Disposition keeps its bytes, before and after Content-Length', async () => {
    const names: [string, string][] = [
      ['Content-Disposition', 'inline; filename="\xc3\xbc \xfc"'],
      ['Content-Length', '1'],
    ];
    for (const headers of [names, names.toReversed()]) {
      const { port } = await serve((_environ, startResponse) => {
        startResponse('200 OK', headers);
        return 'x';
      });
      expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain(
        '\r\nContent-Disposition: inline; filename="\xc3\xbc \xfc"\r\n',
      );
    }
  });

  test('each block leaves when it is made', async () => {
    const { port } = await serve(
      validator(async function* (_environ, startResponse) {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        for (let count = 0; count < 3; count++) {
          yield `${count}`;
          await sleep(100);
        }
      } as ApplicationFunction),
    );
    const { body, arrivals } = await ask(port, {});
    expect(body).toBe('012');
    expect(arrivals.at(-1)).toBeGreaterThan(150);
  });

  test('HEAD has the length and no body; 204 and 304 have no body', async () => {
    const { port } = await serve(
      validator((environ, startResponse) => {
        startResponse(
          environ.QUERY_STRING.replace('+', ' '),
          environ.QUERY_STRING.startsWith('200') ? [['Content-Type', 'text/plain']] : [],
        );
        return environ.QUERY_STRING.startsWith('200') ? 'hello' : null;
      }),
    );
    const ending = 'HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    expect(withoutDate(await exchange(port, `HEAD /?200+OK ${ending}`))).toBe(
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\n',
    );
    expect(withoutDate(await exchange(port, `GET /?204+None ${ending}`))).toBe('HTTP/1.1 204 None\r\nConnection: close\r\n\r\n');
    expect(withoutDate(await exchange(port, `GET /?304+Same ${ending}`))).toBe('HTTP/1.1 304 Same\r\nConnection: close\r\n\r\n');
  });

  test('one connection serves many requests, pipelined ones too', async () => {
    const { port } = await serve(
      validator(async (environ, startResponse) => {
        await sleep(environ.PATH_INFO === '/1' ? 50 : 0);
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return environ.PATH_INFO;
      }),
    );
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const received = await exchange(port, `${one('/1')}${one('/2')}GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(received.match(/\r\n\r\n\/\d/g)).toEqual(['\r\n\r\n/1', '\r\n\r\n/2', '\r\n\r\n/3']);
  });

  test('requests run side by side', async () => {
    let running = 0;
    let most = 0;
    const { port } = await serve(
      validator(async (_environ, startResponse) => {
        most = Math.max(most, ++running);
        await sleep(100);
        running--;
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return 'done';
      }),
    );
    await Promise.all(Array.from({ length: 30 }, () => ask(port, {})));
    expect(most).toBe(30);
  });

  test('an application that fails before the head: 500, and the cause in the log; after the head: a response that is cut', async () => {
    const serving = await serve((environ, startResponse) => {
      if (environ.PATH_INFO === '/early') throw new Error('too early');
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return (function* () {
        yield 'half';
        throw new Error('too late');
      })();
    });
    expect(await ask(serving.port, { path: '/early' })).toMatchObject({ status: 500, body: '500 Internal Server Error\n' });
    const chunked = await exchange(serving.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(chunked).toMatch(/\r\n\r\n4\r\nhalf\r\n$/); // no last chunk
    expect(serving.errors).toMatch(/^server: Error: too early\n[\s\S]*\nserver: Error: too late\n/);
  });

  test('a timeout: 504, or a response that is cut', async () => {
    const serving = await serve(() => new Promise(() => {}), { timeout: 50 });
    expect(await ask(serving.port, {})).toMatchObject({ status: 504, body: '504 Gateway Timeout\n' });
    expect(serving.errors).toContain('[timeout] ApplicationError: The application took longer than its timeout of 50 ms');
  });
});

describe('clients', () => {
  test('one that leaves ends the iteration, and the body is closed', async () => {
    let closed = 0;
    const { port } = await serve(
      validator((_environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return {
          async *[Symbol.asyncIterator]() {
            for (;;) {
              yield 'x'.repeat(1000);
              await sleep(5);
            }
          },
          close() {
            closed++;
          },
        };
      }),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await until(() => closed === 1);
    expect(closed).toBe(1);
  });

  test('one that does not read holds the application up, and no blocks pile up in memory', async () => {
    let made = 0;
    const { port } = await serve(
      validator((_environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return (async function* () {
          for (; made < 10_000; made++) yield Buffer.alloc(65_536);
        })();
      }),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.pause();
    await sleep(300);
    const before = made;
    await sleep(300);
    expect(made).toBe(before);
    expect(made).toBeLessThan(1000);
    socket.destroy();
  });

  test('one that breaks its upload off never reaches the application', async () => {
    const seen: Environ[] = [];
    const { port } = await serve(seeing(seen));
    const socket = open(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc');
    await sleep(50);
    socket.destroy();
    await sleep(50);
    expect(seen).toEqual([]);
  });

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', '400 Bad Request'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', '400 Bad Request'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '400 Bad Request',
    ],
    ['a head of 20 KB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431 Request Header Fields Too Large'],
  ])('one that sends %s is answered by node:http', async (_claim, bytes, status) => {
    const seen: Environ[] = [];
    const { port } = await serve(seeing(seen));
    expect((await exchange(port, bytes)).split('\r\n')[0]).toBe(`HTTP/1.1 ${status}`);
    expect(seen).toEqual([]);
  });
});

describe('the server', () => {
  test('close() finishes running requests and closes idle connections', async () => {
    const { server, port } = await serve(
      validator(async (_environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        await sleep(200);
        return 'finished';
      }),
    );
    const idle = open(port, '');
    const kept = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(kept, 'data');
    const running = ask(port, {});
    await sleep(50);
    const closed = Promise.all([server, idle, kept].map((one) => once(one, 'close')));
    server.close();
    expect((await running).body).toBe('finished');
    await closed;
    await expect(ask(port, {})).rejects.toThrow('ECONNREFUSED');
  });

  test('a line in the access log for each request, in the common log format', async () => {
    const serving = await serve(
      validator((_environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return ['12', '345'];
      }),
    );
    await ask(serving.port, { path: '/a"b?c' });
    await ask(serving.port, { method: 'HEAD' });
    await until(() => serving.access.split('\n').length === 3);
    expect(serving.access.replace(/\[[^\]]*\]/g, '[date]')).toBe(
      '127.0.0.1 - - [date] "GET /a\\"b?c HTTP/1.1" 200 5\n127.0.0.1 - - [date] "HEAD / HTTP/1.1" 200 -\n',
    );
    expect(serving.access).toMatch(/\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]/);
  });

  test('a value that is no application is refused at once', () => {
    expect(() => makeServer('127.0.0.1', 0, {} as Application)).toThrow(
      'An application must be a function, a class or an object with call',
    );
  });

  test('IPv6', async () => {
    const seen: Environ[] = [];
    const server = makeServer('::1', 0, seeing(seen), { accessLog: false });
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const [response] = await once(httpRequest({ host: '::1', port }).end(), 'response');
    response.resume();
    server.close();
    expect(seen[0]).toMatchObject({ SERVER_NAME: '[::1]', REMOTE_ADDR: '::1', HTTP_HOST: `[::1]:${port}` });
  });
});

describe('the examples of tutorials', () => {
  test('demoApp greets, and shows environ', async () => {
    const { text } = await call(validator(demoApp), { path: '/x?y=z' });
    expect(text).toMatch(/^Hello world!\n\nGATEWAY_INTERFACE = 'CGI\/1.1'\nHTTP_HOST = 'localhost'\nPATH_INFO = '\/x'\n/);
    expect(text).toContain("QUERY_STRING = 'y=z'\n");
    expect(text).toContain('wsgi.version = [ 1, 0 ]\n');
  });

  test('two routes, at / and /abcd', async () => {
    const application: ApplicationFunction = (environ, startResponse) => {
      const headers: [string, string][] = [['Content-Type', 'text/plain']];
      if (environ.PATH_INFO === '/') startResponse('200 OK', headers);
      else if (environ.PATH_INFO === '/abcd') startResponse('200 OK', headers);
      else startResponse('404 Not Found', headers);
      return [environ.PATH_INFO === '/' ? 'index' : environ.PATH_INFO === '/abcd' ? 'abcd' : 'nothing here'];
    };
    const { port } = await serve(validator(application));
    expect(await ask(port, { path: '/' })).toMatchObject({ status: 200, body: 'index' });
    expect(await ask(port, { path: '/abcd' })).toMatchObject({ status: 200, body: 'abcd' });
    expect(await ask(port, { path: '/abc' })).toMatchObject({ status: 404, body: 'nothing here' });
  });

  test('the same application object here and as CGI', async () => {
    class Greeting {
      environ: Environ;
      startResponse: StartResponse;
      constructor(environ: Environ, startResponse: StartResponse) {
        this.environ = environ;
        this.startResponse = startResponse;
      }
      *[Symbol.iterator]() {
        this.startResponse('200 OK', [['Content-Type', 'text/plain']]);
        yield `Hello from ${this.environ.PATH_INFO}\n`;
      }
    }
    const { port } = await serve(Greeting);
    expect((await ask(port, { path: '/a' })).body).toBe('Hello from /a\n');

    let output = '';
    const stdout = {
      write(bytes: Uint8Array) {
        output += Buffer.from(bytes).toString('latin1');
      },
    };
    await runWithCgi(Greeting, { environ: { REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: '/a' }, stdin: '', stdout });
    expect(output).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nHello from /a\n');
  });
});
