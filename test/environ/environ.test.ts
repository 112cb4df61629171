// What environ has: the variables that PEP 3333 requires, and none that a client could abuse.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { completeVariables } from '../../src/environ/environ.ts';
import type { Environ } from '../../src/types.ts';
import { answering, run } from '../fakes.ts';

async function environOf(environ: Record<string, string>, options = {}): Promise<Environ> {
  let seen!: Environ;
  await run(
    (given: Environ, start: never) => {
      seen = given;
      return answering(null)(given, start);
    },
    { environ, options },
  );
  return seen;
}

describe('environ', () => {
  test('PEP 3333 #3: is a plain object that the application may change', async () => {
    const environ = await environOf({});
    expect(Object.getPrototypeOf(environ)).toBe(null);
    environ.ANYTHING = 1;
    expect(Reflect.deleteProperty(environ, 'wsgi.version')).toBe(true);
    expect(environ).toMatchObject({ ANYTHING: 1 });
  });

  test('PEP 3333 #14 to #20: holds the values of the gateway', async () => {
    expect(await environOf({})).toMatchObject({
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'http',
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      'wsgi.run_once': true,
      'wsgi.input_terminated': true,
    });
  });

  test('PEP 3333 #4 to #7: has the required variables, not empty, even without a single one from the server', () => {
    expect({ ...completeVariables({}) }).toEqual({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/',
      QUERY_STRING: '',
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.0',
      'wsgi.url_scheme': 'http',
    });
  });

  const servers: [string, Record<string, string>, Record<string, unknown>][] = [
    ['busybox: no SERVER_NAME, no SERVER_PORT', { HTTP_HOST: 'a.example:8080' }, { SERVER_NAME: 'a.example', SERVER_PORT: '8080' }],
    ['busybox with an IPv6 host', { HTTP_HOST: '[::1]:8080' }, { SERVER_NAME: '[::1]', SERVER_PORT: '8080' }],
    ['an IPv6 host without a port', { HTTP_HOST: '[::1]' }, { SERVER_NAME: '[::1]', SERVER_PORT: '80' }],
    ['a host without a port, over TLS', { HTTP_HOST: 'a', HTTPS: 'on' }, { SERVER_NAME: 'a', SERVER_PORT: '443' }],
    [
      'lighttpd: an empty SERVER_NAME, no PATH_INFO',
      { SERVER_NAME: '', SERVER_PORT: '81', SCRIPT_NAME: '/a' },
      { SERVER_NAME: 'localhost', PATH_INFO: '' },
    ],
    ['mini_httpd: a port in SERVER_NAME stays', { SERVER_NAME: 'a:8080', SERVER_PORT: '8080' }, { SERVER_NAME: 'a:8080' }],
    ['nginx: an empty SERVER_PROTOCOL', { SERVER_PROTOCOL: '' }, { SERVER_PROTOCOL: 'HTTP/1.0' }],
    ['merecat: SCRIPT_NAME ends in a slash', { SCRIPT_NAME: '/a.cgi/', PATH_INFO: '' }, { SCRIPT_NAME: '/a.cgi', PATH_INFO: '/' }],
    ['the root as SCRIPT_NAME', { SCRIPT_NAME: '/', PATH_INFO: '/x' }, { SCRIPT_NAME: '', PATH_INFO: '/x' }],
    ['a PATH_INFO without its slash', { SCRIPT_NAME: '', PATH_INFO: 'x' }, { SCRIPT_NAME: '', PATH_INFO: '/x' }],
    ['everything in SCRIPT_NAME', { SCRIPT_NAME: '/a/b', PATH_INFO: '' }, { SCRIPT_NAME: '/a/b', PATH_INFO: '' }],
    [
      'PEP 3333 #5, #12, RFC 3875 #2: empty CONTENT_ variables are absent',
      { CONTENT_TYPE: '', CONTENT_LENGTH: '' },
      { CONTENT_TYPE: undefined, CONTENT_LENGTH: undefined },
    ],
    ['httpoxy: HTTP_PROXY', { HTTP_PROXY: 'http://evil' }, { HTTP_PROXY: undefined }],
    [
      'nginx: HTTP_CONTENT_TYPE and HTTP_CONTENT_LENGTH',
      { HTTP_CONTENT_TYPE: 'a/b', HTTP_CONTENT_LENGTH: '5' },
      { HTTP_CONTENT_TYPE: undefined, HTTP_CONTENT_LENGTH: undefined, CONTENT_LENGTH: undefined },
    ],
    ['Apache: Authorization by a RewriteRule', { REDIRECT_HTTP_AUTHORIZATION: 'Basic x' }, { HTTP_AUTHORIZATION: 'Basic x' }],
    ['Apache: by two', { REDIRECT_REDIRECT_HTTP_AUTHORIZATION: 'Basic x' }, { HTTP_AUTHORIZATION: 'Basic x' }],
    [
      'Apache: but not over one that is there',
      { HTTP_AUTHORIZATION: 'Bearer y', REDIRECT_HTTP_AUTHORIZATION: 'Basic x' },
      { HTTP_AUTHORIZATION: 'Bearer y' },
    ],
    [
      'Apache: an ErrorDocument after a POST has no body',
      { REQUEST_METHOD: 'GET', REDIRECT_REQUEST_METHOD: 'POST', CONTENT_LENGTH: '8', HTTP_TRANSFER_ENCODING: 'chunked' },
      { CONTENT_LENGTH: undefined, HTTP_TRANSFER_ENCODING: undefined },
    ],
    [
      'Apache: an Action after a POST has one',
      { REQUEST_METHOD: 'POST', REDIRECT_REQUEST_METHOD: 'POST', CONTENT_LENGTH: '8' },
      { CONTENT_LENGTH: '8' },
    ],
    [
      'Apache: an ErrorDocument after a GET keeps the length of its body',
      { REQUEST_METHOD: 'GET', REDIRECT_REQUEST_METHOD: 'GET', CONTENT_LENGTH: '8' },
      { CONTENT_LENGTH: '8' },
    ],
    ['PATH_TRANSLATED stays', { PATH_INFO: '/a', PATH_TRANSLATED: '/srv/a' }, { PATH_TRANSLATED: '/srv/a' }],
    ['and beside a PATH_INFO without its slash', { PATH_INFO: 'a', PATH_TRANSLATED: '/srv/a' }, { PATH_TRANSLATED: '/srv/a' }],
    ['and without a PATH_INFO', { PATH_TRANSLATED: '/srv' }, { PATH_TRANSLATED: '/srv' }],
    ['but not beside dots', { PATH_INFO: '/../a', PATH_TRANSLATED: '/srv/../a' }, { PATH_INFO: '/a', PATH_TRANSLATED: undefined }],
    ['a REQUEST_SCHEME of http', { REQUEST_SCHEME: 'http' }, { REQUEST_SCHEME: 'http' }],
    ['CONTENT_TYPE', { CONTENT_TYPE: 'a/b' }, { CONTENT_TYPE: 'a/b' }],
    ['PEP 3333 #23: the rest of the environment stays', { DOCUMENT_ROOT: '/srv' }, { DOCUMENT_ROOT: '/srv' }],
  ];
  test.each(servers)('%s', (_what, given, expected) => {
    const variables = completeVariables({ ...given });
    for (const [name, value] of Object.entries(expected)) expect([name, variables[name]]).toEqual([name, value]);
  });

  test.each([
    [{}, 'http'],
    [{ HTTPS: 'on' }, 'https'],
    [{ HTTPS: 'ON' }, 'https'],
    [{ HTTPS: '1' }, 'https'],
    [{ HTTPS: 'yes' }, 'https'],
    [{ HTTPS: 'true' }, 'https'],
    [{ HTTPS: 'off' }, 'http'],
    [{ HTTPS: '' }, 'http'],
    [{ REQUEST_SCHEME: 'https' }, 'https'],
    [{ REQUEST_SCHEME: 'http', HTTPS: 'on' }, 'https'],
    [{ HTTP_X_FORWARDED_PROTO: 'https' }, 'http'],
  ])('PEP 3333 #15: wsgi.url_scheme for %j is %s', (given, scheme) => {
    expect(completeVariables({ ...given })['wsgi.url_scheme']).toBe(scheme);
  });

  const FORGED = {
    'wsgi.url_scheme': 'javascript',
    'wsgi.input_terminated': '',
    'wsgi.unknown': 'x',
    'cgi.lossy': 'x',
    'run-with-cgi.anything': 'x',
    REQUEST_SCHEME: 'javascript',
  };

  test("does not take variables with the gateway's own names, or an invalid scheme, from the server", async () => {
    const environ = await environOf({ ...FORGED, 'wsgi_like.name': 'stays', WSGI: 'stays' });
    const names = Object.keys(environ).filter((name) => name in FORGED);
    expect(names.toSorted()).toEqual(['wsgi.input_terminated', 'wsgi.url_scheme']);
    expect(environ).toMatchObject({
      'wsgi.url_scheme': 'http',
      'wsgi.input_terminated': true,
      'wsgi_like.name': 'stays',
      WSGI: 'stays',
    });
    expect((await environOf({ ...FORGED, HTTPS: 'on' }))['wsgi.url_scheme']).toBe('https');
    expect(await environOf({ REQUEST_SCHEME: 'https' })).toMatchObject({ REQUEST_SCHEME: 'https', 'wsgi.url_scheme': 'https' });
  });

  test('takes them from the deployer', async () => {
    const env = { 'wsgi.url_scheme': 'https', 'wsgi.unknown': 'y', 'cgi.own': 'y', 'run-with-cgi.own': 'y', REQUEST_SCHEME: 'wss' };
    expect(await environOf(FORGED, { env })).toMatchObject(env);
  });

  test("PEP 3333 #22: the deployer's values replace all others", async () => {
    const env = { HTTP_HOST: 'public.example', 'wsgi.url_scheme': 'https', 'app.database': { name: 'x' } };
    expect(await environOf({ HTTP_HOST: 'internal' }, { env })).toMatchObject({ ...env, SERVER_NAME: 'public.example' });
  });

  test('the path keeps its invariants whatever the server gives', () => {
    const path = fc.array(fc.constantFrom('/', 'a', '\xe9')).map((parts) => parts.join(''));
    fc.assert(
      fc.property(path, path, (SCRIPT_NAME, PATH_INFO) => {
        const variables = completeVariables({ SCRIPT_NAME, PATH_INFO });
        expect(String(variables.SCRIPT_NAME).endsWith('/')).toBe(false);
        if (variables.SCRIPT_NAME === '') expect(String(variables.PATH_INFO).startsWith('/')).toBe(true);
        expect(String(variables.PATH_INFO).endsWith(PATH_INFO)).toBe(true);
      }),
    );
  });
});
