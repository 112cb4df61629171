import { describe, expect, test } from 'vitest';
import { response, SERVER_ERROR } from '../fakes.ts';
import { launch, withScripts } from './launch.ts';

withScripts();

const ok = (body: string, headers: string[] = []) => response('200 OK', ['Content-Type: text/plain', ...headers], body);

const sized = (body: string) => ok(body, [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]);

const HELLO = sized('hello\n');

describe('environ', () => {
  test('holds the environment byte for byte, and joins two variables of one name', async () => {
    const input = Buffer.from('HTTP_COOKIE=a=1\0HTTP_COOKIE=b=2\0HTTP_X=1\0HTTP_X=2\0PATH_INFO=/\xe9\0SCRIPT_NAME=/s\0', 'latin1');
    const { output } = await launch('environ', { mode: 'raw_environment', input });
    const environ = JSON.parse(output.slice(output.indexOf('{')));
    expect(environ).toMatchObject({
      HTTP_COOKIE: 'a=1; b=2',
      HTTP_X: '1, 2',
      PATH_INFO: '/\xe9',
      SCRIPT_NAME: '/s',
      REQUEST_METHOD: 'GET',
    });
    expect(environ['cgi.lossy']).toBeUndefined();
  });

  test('PEP 3333 #18 to #20: wsgi.multithread is false, wsgi.multiprocess and wsgi.run_once are true', async () => {
    const { output } = await launch('environ');
    expect(JSON.parse(output.slice(output.indexOf('{')))).toMatchObject({
      'wsgi.run_once': true,
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      SERVER_NAME: 'localhost',
    });
  });

  test('variables named wsgi.*, cgi.* and run-with-cgi.* are dropped', async () => {
    const env = { 'wsgi.url_scheme': 'javascript', 'wsgi.forged': 'x', 'cgi.lossy': 'x', 'run-with-cgi.forged': 'x' };
    const { output } = await launch('environ', { env });
    const environ = JSON.parse(output.slice(output.indexOf('{')));
    expect(Object.keys(environ).filter((name) => name in env)).toEqual(['wsgi.url_scheme']);
    expect(environ['wsgi.url_scheme']).toBe('http');
  });

  test('changes that the script made in process.env are in environ', async () => {
    const { output } = await launch('environ', { env: { HTTP_X: 'old', BEFORE: 'change' } });
    expect(JSON.parse(output.slice(output.indexOf('{'))).HTTP_X).toBe('changed');
  });

  test('cgi.lossy names a variable that lost a byte', async () => {
    const { output } = await launch('environ', { env: { BEFORE: 'lose' } });
    expect(JSON.parse(output.slice(output.indexOf('{')))['cgi.lossy']).toEqual(['HTTP_X']);
  });

  test('httpoxy: HTTP_PROXY is removed from environ and from process.env', async () => {
    expect((await launch('proxy', { env: { HTTP_PROXY: 'http://evil' } })).output).toBe(sized('undefined undefined'));
  });

  test.each<[string, Record<string, string>]>([
    ['NODE_USE_ENV_PROXY=1', { NODE_USE_ENV_PROXY: '1' }],
    ['NODE_OPTIONS', { NODE_OPTIONS: '--title=--use-env-proxy' }],
  ])('with the environment as the proxy of every request (%s) all requests are refused', async (_how, env) => {
    const { output, errors } = await launch('hello', { env });
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toMatch(/^cgi: RequestError \[environment-proxy\]: NODE_USE_ENV_PROXY lets any client choose the proxy/);
    expect((await launch('hello', { env: { NODE_USE_ENV_PROXY: '0' } })).output).toBe(HELLO);
  });

  test('RFC 3875 #14, CVE-2012-1823: words of the query on the command line are ignored', async () => {
    expect((await launch('hello', { argv: ['--help', '-e', 'process.exit(9)', '--version'] })).output).toBe(HELLO);
  });

  test('without any variable the request is a GET of the root', async () => {
    const { output } = await launch('environ', { mode: 'raw_environment' });
    expect(JSON.parse(output.slice(output.indexOf('{')))).toMatchObject({ REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: '/' });
  });
});
