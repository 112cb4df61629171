import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { forward } from '../../src/middleware/index.ts';
import { makeServer } from '../../src/server/index.ts';
import { call, type TestRequest } from '../../src/testing/index.ts';
import type { Application } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';
import { freePort } from '../free-port.ts';

const open: (Server | ReturnType<typeof createTcpServer>)[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  }
});

async function upstream(listener: RequestListener, path = ''): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
}

/** A server that speaks bytes. */
async function tcp(listener: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => listener(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address where nobody listens. */
async function nobody(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

/** A server of our own in front; its URL. */
async function served(application: Application): Promise<string> {
  const server = makeServer('127.0.0.1', 0, application, { accessLog: false });
  open.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const send = (upstreams: string | string[], request?: TestRequest, options = {}) =>
  call(validator(forward([upstreams].flat(), options)), request);

async function bodyOf(request: IncomingMessage): Promise<string> {
  const blocks: Buffer[] = [];
  for await (const block of request) blocks.push(block);
  return Buffer.concat(blocks).toString('latin1');
}

test.each([Infinity, 2 ** 40])('a timeout of %d ms is no limit', async (timeout) => {
  const url = await upstream(
    (_request, response) => void setTimeout(() => response.setHeader('Content-Type', 'text/plain').end('late'), 50),
  );
  expect(await send(url, {}, { timeout })).toMatchObject({ status: '200 OK', text: 'late' });
});

describe('the request', () => {
  let seen: { method: string; url: string; headers: Record<string, unknown>; body: string };
  const echo: RequestListener = async (request, response) => {
    const { method = '', url = '', headers } = request;
    seen = { method, url, headers, body: await bodyOf(request) };
    response.end('ok');
  };

  test.each([
    ['', '/', '/'],
    ['', '/a%2Fb/%E9?c=%20d', '/a%2Fb/%E9?c=%20d'],
    ['/base', '/', '/base/'],
    ['/base/', '/a?b', '/base/a?b'],
    ['/base', '/a?b c\td#\xe9', '/base/a?b%20c%09d%23%E9'],
  ])('the path is appended to that of the URL: %j and %j', async (base, path, expected) => {
    await send(await upstream(echo, base), { path });
    expect(seen.url).toBe(expected);
  });

  test('below a SCRIPT_NAME only the rest of the path, as the client wrote it', async () => {
    await send(await upstream(echo, '/base'), { path: '/app/a%2Fb', environ: { SCRIPT_NAME: '/app', PATH_INFO: '/a/b' } });
    expect(seen.url).toBe('/base/a%2Fb');
    expect(seen.headers['x-forwarded-prefix']).toBe('/app');
    await send(await upstream(echo), { path: '/app/a%2Fb', environ: { SCRIPT_NAME: '/app', PATH_INFO: '/changed \xff' } });
    expect(seen.url).toBe('/changed%20%FF');
  });

  test('headers are passed on, without those of the connection and of other proxies', async () => {
    const url = await upstream(echo);
    await send(url, {
      method: 'PATCH',
      headers: {
        Accept: 'a/b',
        'X-Bytes': 'D\xfcrer',
        Connection: 'close, X-Hop',
        'X-Hop': 'gone',
        TE: 'trailers',
        Upgrade: 'h2c',
        Expect: '100-continue',
        Cookie: 'a=1',
        Proxy: 'http://evil',
        'X-Forwarded-For': '1.2.3.4',
        'X-Forwarded-Host': 'forged',
        'Content-Type': 'text/plain',
      },
      body: 'body',
      environ: { REMOTE_ADDR: '5.6.7.8' },
    });
    expect(seen).toEqual({
      method: 'PATCH',
      url: '/',
      body: 'body',
      headers: {
        host: new URL(url).host,
        accept: 'a/b',
        'x-bytes': 'D\xfcrer',
        cookie: 'a=1',
        'x-forwarded-for': '1.2.3.4, 5.6.7.8',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'localhost',
        'content-type': 'text/plain',
        'content-length': '4',
        connection: 'close',
      },
    });
  });

  test('a body of known or unknown length is streamed', async () => {
    const body = 'x'.repeat(3_000_000);
    await send(await upstream(echo), { body });
    expect([seen.body.length, seen.headers['content-length']]).toEqual([3_000_000, '3000000']);
    const environ = { CONTENT_LENGTH: '', HTTP_TRANSFER_ENCODING: 'chunked' };
    await send(await upstream(echo), { body, environ });
    expect([seen.body === body, seen.headers['content-length'], seen.headers['transfer-encoding']]).toEqual([true, undefined, 'chunked']);
  });
});

describe('the response', () => {
  test('status, headers and body are passed on, without connection headers', async () => {
    const url = await upstream((_request, response) => {
      response.sendDate = false;
      const headers = ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Bytes', 'D\xfcrer', 'X-Hop', 'gone'];
      response.writeHead(207, 'Multi Status', [...headers, 'Connection', 'X-Hop, close', 'Content-Length', '5']);
      response.end(Buffer.from('hello')); // of text, Node would make one string with the head, in UTF-8
    });
    const { status, headers, text, errors } = await send(url);
    expect({ status, text, errors }).toEqual({ status: '207 Multi Status', text: 'hello', errors: '' });
    expect([...headers]).toEqual([
      ['Content-Type', 'text/plain'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['X-Bytes', 'D\xfcrer'],
      ['Content-Length', '5'],
    ]);
  });

  test.each(['../a?b', '#f', '/a', 'https://other.example/'])('a Location of %j is passed on as it is', async (location) => {
    const url = await upstream((_request, response) => void response.writeHead(303, { Location: location, 'Content-Length': 0 }).end());
    const { status, headers, errors } = await send(url);
    expect([status, headers.get('location'), errors]).toEqual(['303 See Other', location, '']);
  });

  test('a status without a reason gets one', async () => {
    const url = await tcp((socket) => socket.end('HTTP/1.1 200\r\nContent-Type: a/b\r\nContent-Length: 0\r\n\r\n'));
    expect((await send(url)).status).toBe('200 OK');
  });

  test('each block is passed on when it arrives', async () => {
    let next = () => {};
    const url = await upstream(async (_request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      for (const block of ['a', 'b', 'c']) {
        response.write(block);
        await new Promise<void>((resolve) => {
          next = resolve;
        });
      }
      response.end();
    });
    const body = (await forward([url])({ ...plain(), PATH_INFO: '/' } as never, () => () => {})) as AsyncIterable<Buffer>;
    const blocks: string[] = [];
    for await (const block of body) {
      blocks.push(String(block));
      next();
    }
    expect(blocks).toEqual(['a', 'b', 'c']);
  });

  test.each(['HEAD', 'GET'])('an empty response to %s is passed on', async (method) => {
    const url = await upstream((_request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      response.setHeader('Content-Length', method === 'HEAD' ? '5' : '0');
      response.end();
    });
    expect(await send(url, { method })).toMatchObject({ status: '200 OK', text: '', complete: true });
  });

  test('a response that breaks off ends short', async () => {
    const url = await tcp((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\nhalf'));
    expect(await send(url)).toMatchObject({ status: '200 OK', text: 'half', complete: false });
  });

  test('the head does not wait for the first block', async () => {
    let go = () => {};
    const url = await upstream((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
      go = () => response.end('data: 1\n\n');
    });
    const request = get(await served(forward([url])));
    const [response] = await once(request, 'response');
    go();
    expect(await bodyOf(response)).toBe('data: 1\n\n');
  });

  test('when the client leaves before the response, the request is aborted and no other server is asked', async () => {
    const events: string[] = [];
    let arrived = () => {};
    const arriving = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const silent: RequestListener = (request, response) => {
      events.push('asked');
      response.on('close', () => events.push('left'));
      arrived();
      request.resume();
    };
    const request = get(await served(forward([await upstream(silent), await upstream(silent), await upstream(silent)])));
    request.on('error', () => {});
    await arriving;
    request.destroy();
    await vi.waitFor(() => expect(events).toContain('left'), { timeout: 10_000 });
    await sleep(50);
    expect(events).toEqual(['asked', 'left']);
  });

  test('when the client leaves in the middle of the body, the connection to the server is closed', async () => {
    const events: string[] = [];
    const url = await upstream((_request, response) => {
      response.on('close', () => events.push(`closed, ${response.writableFinished ? 'complete' : 'incomplete'}`));
      response.write('endless');
    });
    const body = (await forward([url])({ ...plain(), PATH_INFO: '/' } as never, () => () => {})) as AsyncIterable<Buffer> & {
      close(): void;
    };
    const { value } = await body[Symbol.asyncIterator]().next();
    expect([String(value), events]).toEqual(['endless', []]);
    body.close();
    await vi.waitFor(() => expect(events).toEqual(['closed, incomplete']), { timeout: 10_000 });
  });
});

const plain = () => ({
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '',
  QUERY_STRING: '',
  'wsgi.url_scheme': 'http',
});

describe('several upstream servers', () => {
  const hello: RequestListener = async (request, response) => {
    const body = await bodyOf(request);
    response.setHeader('Content-Type', 'text/plain');
    response.end(`hello ${body}`);
  };

  test('a server that is down is skipped, for every method', async () => {
    const upstreams = [await nobody(), await upstream(hello), await nobody()];
    for (let tries = 0; tries < 20; tries++) {
      expect(await send(upstreams, { body: 'x' })).toMatchObject({ text: 'hello x', errors: '' });
    }
  });

  test('all servers have their turn', async () => {
    const names = new Set<string>();
    const named = (name: string): RequestListener => {
      return (_request, response) => void response.setHeader('Content-Type', 'text/plain').end(name);
    };
    const upstreams = [await upstream(named('a')), await upstream(named('b'))];
    for (let tries = 0; tries < 60; tries++) names.add((await send(upstreams)).text);
    expect([...names].toSorted()).toEqual(['a', 'b']);
  });

  test('a server that closes without an answer is skipped only for requests that can be repeated', async () => {
    let hits = 0;
    const deaf = await tcp((socket) => {
      hits++;
      socket.on('data', () => socket.destroy());
    });
    for (let tries = 0; tries < 20; tries++) {
      expect((await send([deaf, await upstream(hello)])).text).toBe('hello ');
    }
    hits = 0;
    const statuses = new Set<string>();
    for (let tries = 0; tries < 40; tries++) statuses.add((await send([deaf, await upstream(hello)], { body: 'x' })).status);
    expect([...statuses].toSorted()).toEqual(['200 OK', '502 Bad Gateway']);
    expect(hits).toBeGreaterThan(0);
  });

  test('when all servers are down the answer is 502, and the cause is logged', async () => {
    const { status, text, errors } = await send([await nobody(), await nobody()]);
    expect([status, text]).toEqual(['502 Bad Gateway', '502 Bad Gateway\n']);
    expect(errors).toMatch(/\[upstream-failed\] ApplicationError: http:\/\/127\.0\.0\.1:\d+ gave no response: connect ECONNREFUSED/);
  });

  test('a silent server gives 504', async () => {
    const { status, errors } = await send(await tcp(() => {}), {}, { timeout: 50 });
    expect(status).toBe('504 Gateway Timeout');
    expect(errors).toMatch(/was silent for too long/);
  });

  test('a response that is no HTTP gives 502', async () => {
    expect((await send(await tcp((socket) => socket.end('hello\r\n\r\n')))).status).toBe('502 Bad Gateway');
    const switching = await tcp((socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'));
    expect((await send(switching)).status).toBe('502 Bad Gateway');
  });

  test('an answer before the end of an upload is passed on', async () => {
    const url = await tcp((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 413 Content Too Large\r\nContent-Type: a/b\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n'),
      );
    });
    const { status } = await send(url, { body: 'x'.repeat(100_000) });
    expect(status).toBe('413 Content Too Large');
    await sleep(10); // what is still being sent fails without harm
  });
});

describe('what forward() does not pass on', () => {
  /** Three servers that answer with these bytes, and how often they were asked. */
  async function three(answer: string): Promise<{ upstreams: string[]; asked: () => number }> {
    let count = 0;
    const listener = (socket: Socket) => {
      socket.once('data', () => {
        count++;
        socket.end(Buffer.from(answer, 'latin1'));
      });
    };
    return { upstreams: [await tcp(listener), await tcp(listener), await tcp(listener)], asked: () => count };
  }
  const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n';

  test.each<[string, string, string, [string, string][]]>([
    ['a reason that is empty', 'HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n', '404 Not Found', []],
    ['a reason with tabs and spaces', 'HTTP/1.1 200 \t Very\tgood \r\nContent-Length: 0\r\n\r\n', '200 Very good', []],
    ['a tab', `${HEAD}X: a\tb\r\n\r\n`, '200 OK', [['X', 'a b']]],
    ['a Status, as from a CGI script', `${HEAD}Status: 200 OK\r\n\r\n`, '200 OK', []],
    [
      'two types, of which the last counts',
      `${HEAD}Content-Type: a/b\r\nX: y\r\ncontent-type: c/d\r\n\r\n`,
      '200 OK',
      [
        ['X', 'y'],
        ['content-type', 'c/d'],
      ],
    ],
    ['two places, of which the last counts', `${HEAD}Location: /a\r\nLocation: /b\r\n\r\n`, '200 OK', [['Location', '/b']]],
    ['a relative Location', `${HEAD}Location: a?b\r\n\r\n`, '200 OK', [['Location', 'a?b']]],
    ['a header of the connection', `${HEAD}Keep-Alive: 5\r\n\r\n`, '200 OK', []],
  ])('%s is made acceptable, and the request is sent once', async (_what, answer, status, rest) => {
    const { upstreams, asked } = await three(answer);
    const response = await send(upstreams, { method: 'DELETE' });
    expect(response).toMatchObject({ status, errors: '', complete: true });
    expect([...response.headers]).toEqual([['Content-Length', '0'], ...rest]);
    expect(asked()).toBe(1);
  });

  test.each([
    ['a control character', `${HEAD}X: a\x7fb\r\n\r\n`, 'Invalid header value char'],
    ['a control character in the reason', 'HTTP/1.1 200 a\x7fb\r\nContent-Length: 0\r\n\r\n', 'Status must be three digits'],
    ['a status below 100', 'HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n', 'Status must be three digits'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'it changed the protocol'],
    ['no HTTP', 'hello\r\n\r\n', 'Expected HTTP/'],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-', 'socket hang up'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n', 'Parse Error'],
    ['a head that is too long', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 'Header overflow'],
    ['interim responses without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(5_000), 'interim'],
  ])('%s gives 502, the cause is logged, and the request is sent once', async (_what, answer, cause) => {
    const { upstreams, asked } = await three(answer);
    const { status, errors, complete } = await send(upstreams, { method: 'DELETE' });
    expect({ status, complete }).toEqual({ status: '502 Bad Gateway', complete: true });
    expect(errors).toMatch(/^test: \[upstream-failed\] ApplicationError: http:\/\/127\.0\.0\.1:\d+ /);
    expect(errors).toContain(cause);
    expect(asked()).toBe(1);
  });

  test.each([
    ['CONNECT', '200 Connection established', 'it answered CONNECT with 200, and a tunnel cannot be passed on'],
    ['CONNECT', '407 No', 'it answered CONNECT with 407, and a tunnel cannot be passed on'],
    ['GET', '101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade', 'it changed the protocol without being asked'],
  ])('%s answered by %j gives 502, and the connection is closed', async (method, answered, cause) => {
    let left: Promise<unknown> | undefined;
    const url = await tcp((socket) => {
      left = once(socket.resume(), 'close');
      socket.write(`HTTP/1.1 ${answered}\r\n\r\n`);
    });
    const { status, errors } = await send([url, url], { method });
    expect(status).toBe('502 Bad Gateway');
    expect(errors).toContain(cause);
    await left;
  });

  test('interim responses are dropped', async () => {
    const url = await tcp((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${HEAD}\r\n`));
    });
    expect(await send(url)).toMatchObject({ status: '200 OK', errors: '' });
  });

  test('an error that comes from the application around it stays that error', async () => {
    const url = await upstream((_request, response) => void response.end());
    const application = forward([url]);
    const { status, errors } = await call(async (environ) =>
      application(environ, () => {
        throw new Error('not mine');
      }),
    );
    expect(status).toBe('500 Internal Server Error');
    expect(errors).toContain('Error: not mine');
  });

  test('a server that was sent nothing is skipped, for every method', async () => {
    const closing = (await tcp((socket) => socket.once('data', () => socket.destroy()))).replace('http:', 'https:');
    const url = await upstream((_request, response) => void response.setHeader('Content-Type', 'text/plain').end('hello'));
    for (let tries = 0; tries < 20; tries++) expect((await send([closing, url], { body: 'x' })).text).toBe('hello');
  });
});

test.each([[[]], [['ftp://a']], [['example.org']], [['']]])('%j is refused at once', (upstreams) => {
  expect(() => forward(upstreams)).toThrow(TypeError);
});
