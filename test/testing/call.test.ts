import { describe, expect, test } from 'vitest';
import { call } from '../../src/testing/index.ts';
import type { ApplicationFunction, Environ } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';

let environ: Environ;
const application = validator((given, startResponse) => {
  environ = given;
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  const body = given['wsgi.input'].read();
  given['wsgi.errors'].writelines(['logged', '\n']);
  given['wsgi.errors'].flush();
  return ['got ', body];
});

describe('call()', () => {
  test('gives the response, whole and in blocks', async () => {
    const response = await call(application, { body: 'ü' });
    expect(response).toMatchObject({ status: '200 OK', text: 'got ü', complete: true, errors: 'logged\n' });
    expect(response.body).toEqual(Buffer.from('got ü'));
    expect(response.blocks).toEqual([Buffer.from('got '), Buffer.from('ü')]);
    expect([...response.headers]).toEqual([['Content-Type', 'text/plain']]);
  });

  test('sends a GET of "/" by default', async () => {
    await call(application);
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/',
      QUERY_STRING: '',
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'localhost',
      REMOTE_ADDR: '127.0.0.1',
      'wsgi.url_scheme': 'http',
      'wsgi.run_once': false,
    });
    expect(environ.CONTENT_LENGTH).toBeUndefined();
  });

  test('sends method, path, headers and body', async () => {
    await call(application, {
      method: 'PUT',
      path: '/a%20b/%E9%zz?c=%20d?e',
      headers: { 'Content-Type': 'a/b', 'Content-Length': '99', 'X-Name': 'D\xfcrer', X_Name: 'no', Proxy: 'http://evil' },
      body: Buffer.from('abc'),
    });
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'PUT',
      REQUEST_URI: '/a%20b/%E9%zz?c=%20d?e',
      PATH_INFO: '/a b/\xe9%zz',
      QUERY_STRING: 'c=%20d?e',
      CONTENT_TYPE: 'a/b',
      CONTENT_LENGTH: '3',
      HTTP_X_NAME: 'D\xfcrer',
    });
    expect(environ).not.toHaveProperty('HTTP_PROXY');
  });

  test('joins repeated headers, sends POST with a body, and adds to environ', async () => {
    const headers: [string, string][] = [
      ['X', '1'],
      ['x', '2'],
      ['Cookie', 'a=1'],
      ['Cookie', 'b=2'],
    ];
    await call(application, { headers, body: '', environ: { SCRIPT_NAME: '/app', PATH_INFO: '', 'app.db': 5 } });
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'POST',
      CONTENT_LENGTH: '0',
      HTTP_X: '1, 2',
      HTTP_COOKIE: 'a=1; b=2',
      SCRIPT_NAME: '/app',
      PATH_INFO: '',
      'app.db': 5,
    });
  });

  test('takes a whole URL', async () => {
    await call(application, { path: 'https://example.org:8443/x' });
    expect(environ).toMatchObject({ HTTP_HOST: 'example.org:8443', PATH_INFO: '/x', 'wsgi.url_scheme': 'https', HTTPS: 'on' });
    await call(application, { path: 'http://example.org' });
    expect(environ).toMatchObject({ HTTP_HOST: 'example.org', PATH_INFO: '/', 'wsgi.url_scheme': 'http' });
  });

  test('shows a failure as a client and a log see it', async () => {
    const broken: ApplicationFunction = () => {
      throw new Error('oh');
    };
    const response = await call(broken);
    expect(response).toMatchObject({ status: '500 Internal Server Error', text: '500 Internal Server Error\n', complete: true });
    expect(response.errors).toMatch(/^test: Error: oh\n {4}at /);
  });

  test('a response that ends short has complete: false', async () => {
    const breaks: ApplicationFunction = (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return (function* () {
        yield 'half';
        throw new Error('oh');
      })();
    };
    expect(await call(breaks)).toMatchObject({ status: '200 OK', text: 'half', complete: false });
  });

  test('a HEAD has no body', async () => {
    expect(await call(application, { method: 'HEAD' })).toMatchObject({ status: '200 OK', text: '' });
  });
});
