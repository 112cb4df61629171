// Listeners of node:http behind the gateway: what they find in their requests and responses, and how things end.

import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createConnection, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecurely } from 'node:tls';
import express from 'express';
import fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { captureListen, fromNode, type ListenerFunction, toNode } from '../../src/node/index.ts';
import { call } from '../../src/testing/index.ts';
import type { ApplicationFunction, Header } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';
import { until } from '../host/processes.ts';
import { serve } from '../server/raw.ts';
import { ask, open } from '../servers/client.ts';

describe('the request', () => {
  test('is a real one, of a client that environ names, below SCRIPT_NAME', async () => {
    const seen: unknown[] = [];
    const application = fromNode((request: IncomingMessage & { baseUrl?: string; originalUrl?: string }, response: ServerResponse) => {
      const { socket } = request;
      seen.push(request instanceof IncomingMessage, response instanceof ServerResponse, socket instanceof Socket);
      seen.push(request.url, request.originalUrl, request.baseUrl, request.httpVersion, request.headers, request.rawHeaders.slice(0, 2));
      seen.push(socket.remoteAddress, socket.remotePort, socket.remoteFamily, socket.address(), Reflect.get(socket, 'encrypted'));
      response.end();
    });
    const environ = {
      SCRIPT_NAME: '/app',
      PATH_INFO: '/a b',
      REQUEST_URI: '/app/a%20b?c=d',
      QUERY_STRING: 'c=d',
      HTTPS: 'on',
      REMOTE_ADDR: '2001:db8::1',
      REMOTE_PORT: '99',
      SERVER_PROTOCOL: 'HTTP/1.0',
    };
    await call(application, { environ, headers: { 'X-Some-Name': 'D\xfcrer', Cookie: 'a=1; b=2' } });
    expect(seen).toEqual([
      ...[true, true, true],
      ...['/a%20b?c=d', '/app/a%20b?c=d', '/app', '1.0'],
      { host: 'localhost', 'x-some-name': 'D\xfcrer', cookie: 'a=1; b=2' },
      ['Host', 'localhost'],
      ...['2001:db8::1', 99, 'IPv6', { address: '127.0.0.1', family: 'IPv4', port: 80 }, true],
    ]);
  });

  test.each([
    ['[2001:DB8::1]', '2001:db8::1', 'IPv6'],
    ['127.0.0.1', '127.0.0.1', 'IPv4'],
    ['unix:', undefined, undefined],
    [undefined, undefined, undefined],
  ])('where REMOTE_ADDR is %j comes from %j', async (REMOTE_ADDR, address, family) => {
    const seen: unknown[] = [];
    const app = express().get('/', ({ ip, socket }, response) => {
      seen.push(ip, socket.remoteAddress, socket.remoteFamily);
      response.end();
    });
    await call(fromNode(app), { environ: { REMOTE_ADDR } });
    expect(seen).toEqual([address, address, family]);
  });

  test('its events, and those of the response, come in the order of node:http', async () => {
    const events: string[] = [];
    const note = (name: string) => () => events.push(name);
    const listener: ListenerFunction = (request: IncomingMessage, response: ServerResponse) => {
      for (const name of ['end', 'close']) request.on(name, note(`request ${name}`));
      for (const name of ['finish', 'close']) response.on(name, note(`response ${name}`));
      request.resume().on('end', () => {
        response.write('a', note('written'));
        response.end('b', note('ended'));
        events.push(`${response.headersSent} ${response.writableEnded} ${response.writableFinished}`);
      });
    };
    await call(fromNode(listener), { body: 'body' });
    await sleep(10);
    const ours = events.splice(0);
    const server = createServer(listener).listen(0);
    await once(server, 'listening');
    await ask((server.address() as AddressInfo).port, { method: 'POST', body: 'body' });
    await until(() => events.length >= ours.length);
    server.close();
    expect(ours.toSorted()).toEqual(events.toSorted());
    expect(ours.filter((name) => name.startsWith('response'))).toEqual(['response finish', 'response close']);
    expect(ours[0]).toBe('request end');
  });

  test.each(['GET', 'POST', 'HEAD'])('%s: what nobody reads ends and closes as it does with node:http', async (method) => {
    const events: string[] = [];
    const listener: ListenerFunction = (request: IncomingMessage, response: ServerResponse) => {
      for (const name of ['aborted', 'error', 'end', 'close']) request.on(name, () => events.push(`request ${name} ${request.complete}`));
      for (const name of ['finish', 'close']) response.on(name, () => events.push(`response ${name} ${response.writableFinished}`));
      response.setHeader('Content-Length', 3).end('abc', () => events.push('ended'));
    };
    const body = method === 'POST' ? 'unread' : '';
    await call(fromNode(listener), { method, ...(body && { body }) });
    await until(() => events.length === 5);
    const ours = events.splice(0);
    const server = createServer(listener).listen(0);
    await once(server, 'listening');
    await ask((server.address() as AddressInfo).port, { method, ...(body && { body }) });
    await until(() => events.length === 5);
    server.close();
    // Which of the two comes first differs between Node's versions.
    const byMessage = (all: string[]) => ['ended', 'request', 'response'].map((one) => all.filter((event) => event.startsWith(one)));
    expect(byMessage(ours)).toEqual(byMessage(events));
  });

  test('for the server itself has "*" for its URL; no body is complete at once', async () => {
    const application = fromNode(({ url, complete }, response) => response.end(`${url} ${complete}`));
    const environ = { REQUEST_METHOD: 'OPTIONS', REQUEST_URI: '*', PATH_INFO: '/' };
    expect((await call(application, { environ })).text).toBe('* true');
    expect((await call(application, { path: '/a', method: 'POST', body: 'b' })).text).toBe('/a false');
  });

  test('is complete when its body is there, though nobody reads it, as with node:http', async () => {
    const seen: boolean[] = [];
    const listener: ListenerFunction = (request, response) => {
      setTimeout(() => {
        seen.push(request.complete);
        response.end();
      }, 20);
    };
    await call(fromNode(listener), { body: 'body' });
    const server = createServer(listener).listen(0);
    await once(server, 'listening');
    await ask((server.address() as AddressInfo).port, { method: 'POST', body: 'body' });
    server.close();
    expect(seen).toEqual([true, true]);
  });

  test('is complete with the last byte of its body, whether or not anybody asks for more, and then not aborted', async () => {
    const seen: string[] = [];
    const events: string[] = [];
    const listener: ListenerFunction = (request, response) => {
      for (const name of ['aborted', 'error']) request.on(name, () => events.push(name));
      request.once('data', (block) => {
        request.pause();
        setImmediate(() => {
          seen.push(`${block} ${request.complete}`);
          response.end();
        });
      });
    };
    await call(fromNode(listener), { body: 'body' });
    const server = createServer(listener).listen(0);
    await once(server, 'listening');
    await ask((server.address() as AddressInfo).port, { method: 'POST', body: 'body' });
    server.close();
    expect([seen, events]).toEqual([['body true', 'body true'], []]);
  });

  test('who goes on reading after the response has his body whole', async () => {
    let count = 0;
    const { port } = await serve(
      fromNode((request: IncomingMessage, response: ServerResponse) => {
        request.on('data', (block) => {
          count += block.length;
        });
        response.setHeader('Content-Length', 5).end('early');
      }),
    );
    expect((await ask(port, { method: 'POST', body: 'x'.repeat(500_000) })).body).toBe('early');
    await until(() => count === 500_000);
  });

  test('who is about to read when the response is out has the body, too, and never an empty one in its place', async () => {
    for (const early of ['', 'early']) {
      let count = 0;
      const application = fromNode((request, response) => {
        request.on('data', (block) => {
          count += block.length;
        });
        response.end(early);
      });
      expect(await call(application, { body: Buffer.alloc(300_000) })).toMatchObject({ text: early, complete: true });
      expect(count).toBe(300_000);
    }
  });

  test('its "close", and that of the response, have come when close() of the body is done', async () => {
    const events: string[] = [];
    const application = fromNode((request, response) => {
      request.on('close', () => events.push('request'));
      response.on('close', () => events.push('response')).end('x');
    });
    await call(application, { body: 'unread' });
    expect(events.toSorted()).toEqual(['request', 'response']);
  });

  test('who has stopped reading is not waited for', async () => {
    const response = await call(
      fromNode((request: IncomingMessage, response: ServerResponse) => {
        request.once('data', () => {
          request.pause();
          response.end('enough');
        });
      }),
      { body: Buffer.alloc(500_000) },
    );
    expect(response).toMatchObject({ text: 'enough', complete: true, errors: '' });
  });

  test('a body that breaks off is an error of the request, and the end of it', async () => {
    let error: unknown;
    const application = fromNode((request: IncomingMessage, answer: ServerResponse) => {
      request.on('error', (one) => {
        error = one;
      });
      request.resume().on('end', () => answer.end());
    });
    const broken = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('broke off')) }) };
    const response = await call((environ, startResponse) => application(Object.assign(environ, { 'wsgi.input': broken }), startResponse));
    expect(response).toMatchObject({ status: '500 Internal Server Error', errors: expect.stringContaining('Error: broke off') });
    expect(String(error)).toBe('Error: broke off');
  });
});

describe('the response', () => {
  test('that ends at once has told so to whoever asked, with a Content-Length or without', async () => {
    for (const length of [undefined, 3]) {
      const events: string[] = [];
      await call(
        fromNode((_request, response) => {
          response.on('finish', () => events.push('finish'));
          if (length !== undefined) response.setHeader('Content-Length', length);
          response.end('abc', () => events.push('ended'));
        }),
      );
      expect(events.toSorted()).toEqual(['ended', 'finish']);
    }
  });

  test('has a timeout, which blocks put off', async () => {
    const silent = await call(fromNode((_request, response) => response.setTimeout(20, () => response.writeHead(503).end('too slow'))));
    expect(silent).toMatchObject({ status: '503 Service Unavailable', text: 'too slow' });
    const unheard = await call(fromNode((_request, response) => response.setTimeout(20)));
    expect(unheard.errors).toContain('[response-destroyed]');
    const busy = await call(
      fromNode(async (_request, response) => {
        response.setTimeout(100, () => response.destroy());
        for (let count = 0; count < 10; count++) {
          response.write('a');
          await sleep(20);
        }
        response.end();
      }),
    );
    expect(busy).toMatchObject({ text: 'aaaaaaaaaa', complete: true });
  });

  test('a Content-Disposition beside a Content-Length, which Node takes for UTF-8, is a byte string', async () => {
    const application = fromNode((_request, response) => {
      response.setHeader('Content-Type', 'a/b').setHeader('Content-Length', 1);
      response.setHeader('Content-Disposition', 'inline; filename="\xc3\xbc \xfc"').end(Buffer.from('x'));
    });
    expect((await call(validator(application))).headers.get('content-disposition')).toBe('inline; filename="\xfc \xfd"');
  });

  test('of two types or places, which node:http sends both, the last counts', async () => {
    const headers = ['Content-Type', 'a/b', 'X-A', 'b', 'Location', '/a', 'content-type', 'c/d', 'Location', '/b'];
    const response = await call(fromNode((_request, response) => response.writeHead(200, headers).end('x')));
    expect([response.status, [...response.headers]]).toEqual([
      '200 OK',
      [
        ['X-A', 'b'],
        ['content-type', 'c/d'],
        ['Location', '/b'],
      ],
    ]);
  });

  test('an empty reason is filled in; a Status of somebody else does not pass', async () => {
    const relayed = await call(fromNode((_request, response) => response.writeHead(404, '', { Status: '404 Gone', 'X-A': 'b' }).end('x')));
    expect([relayed.status, [...relayed.headers]]).toEqual(['404 Not Found', [['X-A', 'b']]]);
    expect((await call(fromNode((_request, response) => response.writeHead(299, ' ').end()))).status).toBe('299 unknown');
    expect((await call(fromNode((_request, response) => response.writeHead(404, ' Not\there ').end()))).status).toBe('404 Not here');
  });

  test('that ends after its Content-Length, or that a HEAD asks for, is finished, and nothing is aborted', async () => {
    const events: string[] = [];
    const listener: ListenerFunction = (request: IncomingMessage, response: ServerResponse) => {
      for (const name of ['aborted', 'error']) request.on(name, () => events.push(`request ${name}`));
      for (const name of ['finish', 'close']) response.on(name, () => events.push(`response ${name}`));
      response.setHeader('Content-Length', '3').write('abc', () => events.push('written'));
      setTimeout(() => response.end(), 20);
    };
    for (const method of ['GET', 'HEAD']) {
      expect((await call(fromNode(listener), { method })).headers.get('content-length')).toBe('3');
      await until(() => events.includes('response close'));
      expect([method, events.splice(0)]).toEqual([method, ['written', 'response finish', 'response close']]);
    }
  });

  test('write() says when it is enough, and drain when there is room', async () => {
    let most = 0;
    let drains = 0;
    const listener = async (_request: IncomingMessage, response: ServerResponse) => {
      for (let count = 0; count < 200; count++) {
        const hasRoom = response.write(Buffer.alloc(65_536));
        most = Math.max(most, response.writableLength);
        if (!hasRoom) {
          await once(response, 'drain');
          drains++;
        }
      }
      response.end();
    };
    const response = await call(fromNode(listener));
    expect(response.body.length).toBe(200 * 65_536);
    expect(drains).toBe(200);
  });

  test('a reader who takes his time holds the listener up', async () => {
    let made = 0;
    const { port } = await serve(
      fromNode(async (_request: IncomingMessage, response: ServerResponse) => {
        for (; made < 5000; made++) if (!response.write(Buffer.alloc(65_536))) await once(response, 'drain');
      }),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.pause();
    await sleep(300);
    const before = made;
    await sleep(200);
    expect([made, made < 1000]).toEqual([before, true]);
    socket.destroy();
  });

  test.each<[string, ListenerFunction, string]>([
    [
      'throws',
      () => {
        throw new Error('thrown');
      },
      'Error: thrown',
    ],
    [
      'rejects',
      async () => {
        await sleep(1);
        throw new Error('rejected');
      },
      'Error: rejected',
    ],
    [
      'destroys its response',
      (_request, response) => response.destroy(),
      '[response-destroyed] ApplicationError: The listener destroyed its response',
    ],
    ['destroys it for a reason', (_request, response) => response.destroy(new Error('reason')), 'Error: reason'],
    ['switches protocols', (_request, response) => response.writeHead(101).end(), 'Status cannot be interim'],
    ['destroys the socket', (request) => request.socket.destroy(), '[response-destroyed]'],
    ['sets a header that cannot be sent', (_request, response) => response.setHeader('X', 'a\nb'), 'Invalid character in header content'],
  ])('a listener that %s before the head: 500', async (_what, listener, logged) => {
    const response = await call(validator(fromNode(listener)));
    expect(response).toMatchObject({ status: '500 Internal Server Error', text: '500 Internal Server Error\n', complete: true });
    expect(response.errors).toContain(logged);
  });

  test.each<[string, ListenerFunction]>([
    ['before it ends', (request, response) => request.socket.destroy() && response.end('late')],
    [
      'by an error of its socket, as node:http does',
      (request, response) => {
        request.socket.emit('error', new Error('boom'));
        response.statusCode = 404;
        response.end('late');
      },
    ],
    [
      'and ends it in the next turn',
      (request, response) => {
        request.socket.destroy();
        setImmediate(() => response.end());
      },
    ],
  ])('a response whose connection was destroyed %s is not complete', async (_how, listener) => {
    const response = await call(fromNode(listener));
    expect([response.status, response.errors]).toEqual(['500 Internal Server Error', expect.stringContaining('[response-destroyed]')]);
  });

  test('a connection that is destroyed after the head, and before the end, ends the response short', async () => {
    const response = await call(
      fromNode((request, answer) => {
        answer.write('half');
        request.socket.destroy();
        answer.write('lost');
        answer.end();
      }),
    );
    expect(response).toMatchObject({ status: '200 OK', text: 'half', complete: false });
    expect(response.errors).toContain('[response-destroyed]');
  });

  test('a connection that is destroyed after the end has taken nothing of the response', async () => {
    const response = await call(
      fromNode((request, answer) => {
        answer.end('whole');
        request.socket.destroy();
      }),
    );
    expect(response).toMatchObject({ status: '200 OK', text: 'whole', complete: true, errors: '' });
  });

  test.each<[string, (response: ServerResponse) => unknown]>([
    ['flushHeaders()', (response) => response.flushHeaders()],
    ['writeHead() and flushHeaders()', (response) => response.writeHead(200, { 'X-A': 'b' }).flushHeaders()],
    ['an empty write()', (response) => response.write('')],
  ])('%s sends the head at once', async (_what, begin) => {
    let release = () => {};
    const { port } = await serve(
      fromNode((_request, response) => {
        response.setHeader('Content-Type', 'text/event-stream');
        begin(response);
        release = () => response.end('first');
      }),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [head] = await once(socket, 'data');
    expect(String(head)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Type: text\/event-stream\r\n[\s\S]*\r\n\r\n$/);
    release();
    expect(String((await once(socket, 'data'))[0])).toContain('first');
    socket.destroy();
  });

  test('a response that ends at once leaves in one piece, with its length, flushed or not', async () => {
    const { port } = await serve(
      fromNode(({ url }, response) => {
        if (url === '/flushed') response.flushHeaders();
        response.end('hello');
      }),
    );
    expect(await ask(port, {})).toMatchObject({ body: 'hello', arrivals: [0], headers: expect.arrayContaining([['content-length', '5']]) });
    expect(await ask(port, { path: '/flushed' })).toMatchObject({ body: 'hello', arrivals: [0] });
  });

  test('after the end: a line in the log', async () => {
    const serving = await serve(
      fromNode(async (_request: IncomingMessage, response: ServerResponse) => {
        response.end('whole');
        await once(response, 'close');
        throw new Error('too late');
      }),
    );
    expect((await ask(serving.port, { path: '/' })).body).toBe('whole');
    await until(() => serving.errors.includes('node: Error: too late'));
  });

  test('after it: a response that ends short', async () => {
    const response = await call(
      fromNode((_request: IncomingMessage, answer: ServerResponse) => {
        answer.write('half');
        setTimeout(() => answer.destroy(), 20);
      }),
    );
    expect(response).toMatchObject({ status: '200 OK', text: 'half', complete: false });
  });

  test('a Location is as the listener set it; framing and connection headers do not pass', async () => {
    const response = await call(
      fromNode((_request: IncomingMessage, answer: ServerResponse) => {
        answer.writeHead(302, { Location: '../c?d#e', Connection: 'keep-alive', 'Transfer-Encoding': 'chunked', 'X-Tab': 'a\tb' });
        answer.end('moved');
      }),
      { path: '/a/b/' },
    );
    expect([...response.headers]).toEqual([
      ['Location', '../c?d#e'],
      ['X-Tab', 'a b'],
    ]);
    expect(response.text).toBe('moved');
  });
});

test('a client that leaves: the request is aborted, both are closed', async () => {
  const events: string[] = [];
  const { port } = await serve(
    fromNode((request: IncomingMessage, response: ServerResponse) => {
      request.on('aborted', () => events.push('aborted')).on('error', (error) => events.push(error.message));
      response.on('close', () => events.push(`close ${response.writableFinished}`));
      const timer = setInterval(() => response.write('x'.repeat(1000)), 5);
      response.on('close', () => clearInterval(timer));
    }),
  );
  const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await until(() => events.length === 3);
  expect(events.toSorted()).toEqual(['aborted', 'aborted', 'close false']);
});

test('a server whose listener rejects, or that has none: 500', async () => {
  const rejecting = createServer(async () => {
    throw new Error('rejected');
  });
  expect((await call(fromNode(rejecting))).errors).toContain('Error: rejected');
  expect((await call(fromNode(createServer()))).errors).toContain('[listener-not-node]');
});

test('what is no listener is refused', () => {
  expect(() => fromNode({} as ListenerFunction)).toThrow(
    'A Node listener must be a function (req, res), a Koa application, a Fastify instance or an http.Server, got an object of Object',
  );
});

describe('captureListen()', () => {
  test('Fastify listens by it, whether or not it is awaited, on no address of its host', async () => {
    for (const isAwaited of [true, false]) {
      const app = fastify().get('/', async () => 'captured');
      const listener = await captureListen(() => {
        const listening = app.listen({ port: 4569 });
        return isAwaited ? listening : undefined;
      });
      expect((await call(fromNode(listener ?? (() => {})))).text).toBe('captured');
      await expect(once(createConnection(4569, 'localhost'), 'connect')).rejects.toThrow('ECONNREFUSED');
    }
  });

  test('takes the server of a module that listens, and opens no port', async () => {
    let called = false;
    let address: unknown;
    const listener = await captureListen(() => {
      const server = createServer((_request, response) => response.end('captured'));
      server.listen(4567, '127.0.0.1', () => {
        called = true;
        address = server.address();
      });
    });
    expect([called, address]).toEqual([true, { address: '127.0.0.1', family: 'IPv4', port: 4567 }]);
    await expect(once(createConnection(4567, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect((await call(fromNode(listener ?? (() => {})))).text).toBe('captured');
  });

  test('what listens late, because it waits for something first, is waited for', async () => {
    const main = async () => {
      await sleep(50);
      createServer((_request, response) => response.end('late')).listen(4570);
    };
    const listener = await captureListen(() => void main());
    expect((await call(fromNode(listener ?? (() => {})))).text).toBe('late');
  });

  test('Express listens by it, too; nothing is nothing; a failure passes', async () => {
    expect(await captureListen(() => express().listen({ port: 4568 }))).toBeDefined();
    expect(await captureListen(() => {})).toBeUndefined();
    await expect(captureListen(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const server = createServer().listen(0);
    await once(server, 'listening');
    expect((server.address() as AddressInfo).port).toBeGreaterThan(0);
    server.close();
  });
});

describe('toNode()', () => {
  const echo: ApplicationFunction = validator((environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [[environ.SCRIPT_NAME, environ.PATH_INFO, environ.REQUEST_URI, environ['wsgi.input'].read()].join(' ')];
  });

  test('an application under a server of node:http, and below a path of Express', async () => {
    const app = express();
    app.use('/mounted', toNode(echo));
    for (const [listener, path, expected] of [
      [toNode(echo), '/a?b', ' /a /a?b body'],
      [app, '/mounted/a%20b?c', '/mounted /a b /mounted/a%20b?c body'],
    ] as const) {
      const server = createServer(listener).listen(0);
      await once(server, 'listening');
      expect((await ask((server.address() as AddressInfo).port, { method: 'POST', path, body: 'body' })).body).toBe(expected);
      server.close();
    }
  });

  test('behind a header that a framework has set and removed, as helmet does, repeated ones stay', async () => {
    const application = toNode((_environ, startResponse) => {
      startResponse('200 OK', [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ]);
      return ['body'];
    });
    const server = createServer((request, response) => {
      response.setHeader('X-Powered-By', 'Express');
      response.removeHeader('X-Powered-By');
      application(request, response);
    }).listen(0);
    await once(server, 'listening');
    const { headers } = await ask((server.address() as AddressInfo).port, {});
    server.close();
    expect(headers.filter(([name]) => name === 'set-cookie')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
  });

  test('beside headers that a framework has set, repeated ones stay, and no cookie is lost', async () => {
    const app = express();
    app.use((_request, response, next) => {
      response.setHeader('X-Mine', 'no').setHeader('X-Theirs', 'yes').setHeader('Set-Cookie', ['session=1']);
      next();
    });
    app.use(
      toNode((_environ, startResponse) => {
        const headers: Header[] = ['a=1', 'b=2'].map((cookie) => ['Set-Cookie', cookie]);
        startResponse('200 OK', [
          ...headers,
          ['x-mine', '1'],
          ['X-Mine', '2'],
          ['Content-Disposition', 'inline; filename="\xfc"'],
          ['X-A', 'b'],
        ]);
        return Buffer.from('body');
      }),
    );
    const server = createServer(app).listen(0);
    await once(server, 'listening');
    const { headers, body } = await ask((server.address() as AddressInfo).port, {});
    server.close();
    expect(body).toBe('body');
    expect(headers.filter(([name]) => !['date', 'connection'].includes(name))).toEqual([
      ['x-powered-by', 'Express'],
      ['x-theirs', 'yes'],
      ['set-cookie', 'session=1'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-mine', '1'],
      ['x-mine', '2'],
      ['content-disposition', 'inline; filename="\xfc"'],
      ['x-a', 'b'],
      ['content-length', '4'],
    ]);
  });

  test('under a server of node:https the scheme is https, unless the deployer says otherwise', async () => {
    for (const [env, expected] of [
      [{}, 'https on'],
      [{ 'wsgi.url_scheme': 'http', HTTPS: 'off' }, 'http off'],
    ] as const) {
      const listener = toNode(
        (environ, startResponse) => {
          startResponse('200 OK', []);
          return `${environ['wsgi.url_scheme']} ${environ.HTTPS}`;
        },
        { env },
      );
      // A key that both have needs no certificate.
      const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
      const server = createSecureServer({ ...tls, pskCallback: () => Buffer.alloc(16) }, listener).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const pskCallback = () => ({ psk: Buffer.alloc(16), identity: 'a' });
      const socket = connectSecurely({ ...tls, port, host: '127.0.0.1', pskCallback, checkServerIdentity: () => undefined });
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      let received = '';
      for await (const piece of socket) received += piece;
      expect(received).toMatch(new RegExp(`\r\n\r\n${expected}$`));
      server.close();
    }
  });

  test('a body that a parser has read is gone, and said to be', async () => {
    const app = express();
    app.use(express.json(), toNode(echo));
    app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.end(error.message);
    });
    const server = createServer(app).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { body } = await ask(port, { method: 'POST', path: '/a', headers: ['Content-Type: application/json'], body: '{}' });
    expect(body).toContain('The request body has been read already');
    expect((await ask(port, { path: '/a' })).body).toBe(' /a /a ');
    server.close();
  });
});
