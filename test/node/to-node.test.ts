// toNode(): an application as a listener of node:http, under its servers and below a path of Express.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import express from 'express';
import { describe, expect, test } from 'vitest';
import { toNode } from '../../src/node/index.ts';
import type { ApplicationFunction, Header } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';
import { ask } from '../servers/client.ts';

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

  test('repeated headers stay after a framework has set and removed a header, as helmet does', async () => {
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

  test('repeated headers and cookies stay beside headers that a framework has set', async () => {
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
      // With a key that both sides know, TLS needs no certificate.
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

  test('a body that a parser has read gives an error that says so', async () => {
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
