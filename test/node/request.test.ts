// The request that a listener of node:http gets behind a gateway: its properties, its body, its events.

import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { describe, expect, test } from 'vitest';
import { fromNode, type ListenerFunction } from '../../src/node/index.ts';
import { call } from '../../src/testing/index.ts';
import { until } from '../host/processes.ts';
import { serve } from '../server/raw.ts';
import { ask } from '../servers/client.ts';

describe('the request', () => {
  test('is an IncomingMessage with the client of environ and the path below SCRIPT_NAME', async () => {
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
  ])('has for REMOTE_ADDR %j the address %j', async (REMOTE_ADDR, address, family) => {
    const seen: unknown[] = [];
    const app = express().get('/', ({ ip, socket }, response) => {
      seen.push(ip, socket.remoteAddress, socket.remoteFamily);
      response.end();
    });
    await call(fromNode(app), { environ: { REMOTE_ADDR } });
    expect(seen).toEqual([address, address, family]);
  });

  test('has its events, and those of the response, in the order of node:http', async () => {
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

  test.each(['GET', 'POST', 'HEAD'])('%s: an unread body ends and closes as with node:http', async (method) => {
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
    // The order of request and response differs between versions of Node.
    const byMessage = (all: string[]) => ['ended', 'request', 'response'].map((one) => all.filter((event) => event.startsWith(one)));
    expect(byMessage(ours)).toEqual(byMessage(events));
  });

  test('of OPTIONS * has the URL "*"; without a body it is complete at once', async () => {
    const application = fromNode(({ url, complete }, response) => response.end(`${url} ${complete}`));
    const environ = { REQUEST_METHOD: 'OPTIONS', REQUEST_URI: '*', PATH_INFO: '/' };
    expect((await call(application, { environ })).text).toBe('* true');
    expect((await call(application, { path: '/a', method: 'POST', body: 'b' })).text).toBe('/a false');
  });

  test('is complete when its unread body has arrived, as with node:http', async () => {
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

  test('is complete with the last byte of its body, and then not aborted', async () => {
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

  test('a listener that reads on after the response gets the whole body', async () => {
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

  test('a listener that begins to read after the response gets the whole body', async () => {
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

  test('emits "close", as the response does, before close() of the body resolves', async () => {
    const events: string[] = [];
    const application = fromNode((request, response) => {
      request.on('close', () => events.push('request'));
      response.on('close', () => events.push('response')).end('x');
    });
    await call(application, { body: 'unread' });
    expect(events.toSorted()).toEqual(['request', 'response']);
  });

  test('close() does not wait for a listener that has stopped reading', async () => {
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

  test('a body that breaks off is an error of the request, and ends it', async () => {
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
