// The cases of CPython's test_wsgiref for simple_server, under the names that they have there.

import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { ApplicationFunction } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';
import { ask, open } from '../servers/client.ts';
import { exchange, serve } from './raw.ts';

const DATE: [string, string] = ['Date', 'Mon, 05 Jun 2006 18:49:54 GMT'];
const REQUEST = 'GET / HTTP/1.0\r\n\r\n';

const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain'], DATE]);
  return [Buffer.from('Hello, world!')];
};

const HELLO =
  'HTTP/1.1 200 OK\r\n' +
  'Content-Type: text/plain\r\n' +
  'Date: Mon, 05 Jun 2006 18:49:54 GMT\r\n' +
  'Content-Length: 13\r\n' +
  'Connection: close\r\n' +
  '\r\n' +
  'Hello, world!';

/** Returns the response to `request`, and what was logged. */
async function amock(application: ApplicationFunction = hello, request = REQUEST): Promise<{ out: string; err: string; access: string }> {
  const serving = await serve(application);
  const out = await exchange(serving.port, request);
  serving.server.close();
  await once(serving.server, 'close');
  return { out, err: serving.errors, access: serving.access };
}

const SERVER_ERROR = /^HTTP\/1\.1 500 Internal Server Error\r\n[\s\S]*\r\n\r\n500 Internal Server Error\n$/;

test('test_plain_hello', async () => {
  expect((await amock()).out).toBe(HELLO);
});

test('test_environ', async () => {
  const application: ApplicationFunction = (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain'], DATE]);
    return [[environ.HTTP_X_TEST_HEADER, environ.QUERY_STRING, environ.PATH_INFO].join(';')];
  };
  const { out } = await amock(
    application,
    'GET /p%61th/?query=test HTTP/1.0\r\nX-Test-Header: Python test \r\nX-Test-Header: Python test 2\r\nContent-Length: 0\r\n\r\n',
  );
  expect(out.split('\r\n').at(-1)).toBe('Python test, Python test 2;query=test;/path/');
});

test('test_request_length', async () => {
  const { out } = await amock(hello, `GET /${'x'.repeat(65_537)} HTTP/1.0\r\n\r\n`);
  expect(out.split('\r\n')[0]).toBe('HTTP/1.1 431 Request Header Fields Too Large');
});

test('test_validated_hello', async () => {
  const { out, err } = await amock(validator(hello));
  expect([out, err]).toEqual([HELLO, '']);
});

test('test_simple_validation_error', async () => {
  const bad = ((_environ: unknown, startResponse: (status: string, headers: unknown) => unknown) => {
    startResponse('200 OK', { 'Content-Type': 'text/plain' });
    return ['Hello, world!'];
  }) as ApplicationFunction;
  const { out, err } = await amock(validator(bad));
  expect(out).toMatch(SERVER_ERROR);
  expect(err).toMatch(/^server: ContractError: Headers must be an array of \[name, value\] pairs, got an object of Object/);
});

test.each(['200', '20X OK', '200OK'])('test_status_validation_errors: %s', async (status) => {
  const bad: ApplicationFunction = (_environ, startResponse) => {
    startResponse(status, [['Content-Type', 'text/plain; charset=utf-8']]);
    return ['Hello, world!'];
  };
  const { out, err } = await amock(bad);
  expect(out).toMatch(SERVER_ERROR);
  expect(err).toContain(
    `server: [status-malformed] ApplicationError: Status must be three digits, one space and a reason in ISO-8859-1, like "200 OK", got ${JSON.stringify(status)}`,
  );
});

test('test_wsgi_input', async () => {
  const reads: ApplicationFunction = (environ, startResponse) => {
    const body = environ['wsgi.input'].read();
    startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
    return ['data', body];
  };
  const { out, err } = await amock(validator(reads));
  expect([out.slice(-4), err]).toEqual(['data', '']);
});

test('test_bytes_validation', async () => {
  const application: ApplicationFunction = (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8'], DATE]);
    return [Buffer.from('data')];
  };
  const { out, access } = await amock(validator(application));
  expect(access).toMatch(/^127\.0\.0\.1 - - \[[^\]]+\] "GET \/ HTTP\/1\.0" 200 4\n$/);
  expect(out).toBe(
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Mon, 05 Jun 2006 18:49:54 GMT\r\n' +
      'Content-Length: 4\r\nConnection: close\r\n\r\ndata',
  );
});

test('test_cp1252_url', async () => {
  const application: ApplicationFunction = (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain'], DATE]);
    return [Buffer.from(environ.PATH_INFO, 'latin1')];
  };
  const { out, err } = await amock(validator(application), 'GET /%80%80 HTTP/1.0\r\n\r\n');
  expect([out.split('\r\n').at(-1), err]).toEqual(['/\x80\x80', '']);
  // A raw byte above 0x7F is no character of a URI: the parser of node:http refuses it. RFC 9112 §3.2
  expect((await amock(application, 'GET /\x80 HTTP/1.0\r\n\r\n')).out).toBe('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
});

test('test_interrupted_write', async () => {
  const size = 20_000_000;
  const application: ApplicationFunction = (_environ, startResponse) => {
    startResponse('200 OK', []);
    return [Buffer.alloc(size)];
  };
  const { port } = await serve(application);
  let signals = 0;
  const count = () => signals++;
  process.on('SIGUSR2', count);
  const socket = open(port, REQUEST);
  await once(socket, 'data');
  socket.pause();
  process.kill(process.pid, 'SIGUSR2');
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.resume();
  await once(socket, 'close');
  process.off('SIGUSR2', count);
  expect(signals).toBe(1);
  expect((await ask(port, {})).body.length).toBe(size);
});
