// The response of a listener of node:http behind a gateway: its head, its blocks, and how it ends.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { fromNode, type ListenerFunction } from '../../src/node/index.ts';
import { call } from '../../src/testing/index.ts';
import { validator } from '../../src/validator/index.ts';
import { until } from '../host/processes.ts';
import { serve } from '../server/raw.ts';
import { ask, open } from '../servers/client.ts';

describe('the response', () => {
  test('that ends at once emits "finish" and calls its callbacks, with a Content-Length or without', async () => {
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
        response.setTimeout(1000, () => response.destroy());
        for (let count = 0; count < 6; count++) {
          response.write('a');
          await sleep(250);
        }
        response.end();
      }),
    );
    expect(busy).toMatchObject({ text: 'aaaaaa', complete: true });
  });

  test('a Content-Disposition beside a Content-Length, which Node takes for UTF-8, is a byte string', async () => {
    const application = fromNode((_request, response) => {
      response.setHeader('Content-Type', 'a/b').setHeader('Content-Length', 1);
      response.setHeader('Content-Disposition', 'inline; filename="\xc3\xbc \xfc"').end(Buffer.from('x'));
    });
    expect((await call(validator(application))).headers.get('content-disposition')).toBe('inline; filename="\xfc \xfd"');
  });

  test('of two Content-Types or Locations the last counts, where node:http sends both', async () => {
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

  test('an empty reason is filled in, and a header Status is dropped', async () => {
    const relayed = await call(fromNode((_request, response) => response.writeHead(404, '', { Status: '404 Gone', 'X-A': 'b' }).end('x')));
    expect([relayed.status, [...relayed.headers]]).toEqual(['404 Not Found', [['X-A', 'b']]]);
    expect((await call(fromNode((_request, response) => response.writeHead(299, ' ').end()))).status).toBe('299 unknown');
    expect((await call(fromNode((_request, response) => response.writeHead(404, ' Not\there ').end()))).status).toBe('404 Not here');
  });

  test('that is complete by its Content-Length, or answers a HEAD, is finished, and nothing is aborted', async () => {
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

  test('write() returns false when the buffer is full, and "drain" tells when there is room', async () => {
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

  test('a slow reader holds the listener up', async () => {
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

  test('a socket destroyed after the end takes nothing of the response away', async () => {
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
    let body = '';
    socket.on('data', (bytes) => {
      body += bytes;
    });
    release();
    await until(() => body.endsWith('0\r\n\r\n'));
    expect(body).toBe('5\r\nfirst\r\n0\r\n\r\n');
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

  test('a listener that throws after the end is logged', async () => {
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

  test('a listener that throws after the head gives a response that ends short', async () => {
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
