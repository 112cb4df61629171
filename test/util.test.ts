// CPython's UtilityTests of test_wsgiref, row by row, and what they leave out.

import { describe, expect, test } from 'vitest';
import type { StartResponse } from '../src/types.ts';
import { applicationUri, FileWrapper, guessScheme, isHopByHop, requestUri, setupTestingDefaults, shiftPathInfo } from '../src/util.ts';
import { validator } from '../src/validator/index.ts';

const defaults = (environ: Record<string, unknown>) => {
  setupTestingDefaults(environ);
  return environ;
};

describe('shiftPathInfo', () => {
  test.each<[string, string, string | undefined, string, string]>([
    // testSimpleShifts
    ['', '/', '', '/', ''],
    ['', '/x', 'x', '/x', ''],
    ['/', '', undefined, '/', ''],
    ['/a', '/x/y', 'x', '/a/x', '/y'],
    ['/a', '/x/', 'x', '/a/x', '/'],
    // testNormalizedShifts
    ['/a/b', '/../y', '..', '/a', '/y'],
    ['', '/../y', '..', '', '/y'],
    ['/a/b', '//y', 'y', '/a/b/y', ''],
    ['/a/b', '//y/', 'y', '/a/b/y', '/'],
    ['/a/b', '/./y', 'y', '/a/b/y', ''],
    ['/a/b', '/./y/', 'y', '/a/b/y', '/'],
    ['/a/b', '///./..//y/.//', '..', '/a', '/y/'],
    ['/a/b', '///', '', '/a/b/', ''],
    ['/a/b', '/.//', '', '/a/b/', ''],
    ['/a/b', '/x//', 'x', '/a/b/x', '/'],
    ['/a/b', '/.', undefined, '/a/b', ''],
    // what is not asked there
    ['/a', 'x/y/z', 'y', '/a/y', '/z'],
  ])('%j %j gives %j and leaves %j %j', (scriptName, pathInfo, name, scriptNameAfter, pathInfoAfter) => {
    const environ = { SCRIPT_NAME: scriptName, PATH_INFO: pathInfo };
    expect(shiftPathInfo(environ)).toBe(name);
    expect(environ).toEqual({ SCRIPT_NAME: scriptNameAfter, PATH_INFO: pathInfoAfter });
  });

  test('the whole path, segment by segment', () => {
    const environ = defaults({ PATH_INFO: '/a/b%20/\xe9' });
    const seen = [shiftPathInfo(environ), shiftPathInfo(environ), shiftPathInfo(environ), shiftPathInfo(environ)];
    expect(seen).toEqual(['a', 'b%20', '\xe9', undefined]);
    expect(environ).toMatchObject({ SCRIPT_NAME: '/a/b%20/\xe9', PATH_INFO: '' });
    expect(shiftPathInfo({})).toBeUndefined();
  });

  test('a SCRIPT_NAME that somebody has changed since the last call is cleaned again', () => {
    const environ = { SCRIPT_NAME: '/a', PATH_INFO: '/b/c' };
    shiftPathInfo(environ);
    environ.SCRIPT_NAME = '/x//y';
    expect(shiftPathInfo(environ)).toBe('c');
    expect(environ).toEqual({ SCRIPT_NAME: '/x/y/c', PATH_INFO: '' });
  });
});

describe('setupTestingDefaults', () => {
  test.each<[string, unknown]>([
    // testDefaults
    ['SERVER_NAME', '127.0.0.1'],
    ['SERVER_PORT', '80'],
    ['SERVER_PROTOCOL', 'HTTP/1.0'],
    ['HTTP_HOST', '127.0.0.1'],
    ['REQUEST_METHOD', 'GET'],
    ['SCRIPT_NAME', ''],
    ['PATH_INFO', '/'],
    ['QUERY_STRING', ''],
    ['wsgi.version', [1, 0]],
    ['wsgi.run_once', false],
    ['wsgi.multithread', false],
    ['wsgi.multiprocess', false],
    ['wsgi.url_scheme', 'http'],
    ['wsgi.input_terminated', true],
  ])('%s is %j, unless it is there', (name, value) => {
    expect(defaults({})[name]).toEqual(value);
    expect(defaults({ [name]: null })[name]).toBeNull();
  });

  test.each<[string, string, Record<string, string>]>([
    // testCrossDefaults
    ['HTTP_HOST', 'foo.bar', { SERVER_NAME: 'foo.bar' }],
    ['wsgi.url_scheme', 'https', { HTTPS: 'on' }],
    ['wsgi.url_scheme', 'https', { HTTPS: '1' }],
    ['wsgi.url_scheme', 'https', { HTTPS: 'yes' }],
    ['wsgi.url_scheme', 'http', { HTTPS: 'foo' }],
    ['SERVER_PORT', '80', { HTTPS: 'foo' }],
    ['SERVER_PORT', '443', { HTTPS: 'on' }],
    ['PATH_INFO', '', { SCRIPT_NAME: '/app' }],
  ])('%s is %j with %j', (name, value, given) => {
    expect(defaults({ ...given })[name]).toBe(value);
  });

  test('the streams and the file wrapper work', () => {
    const environ: Record<string, unknown> = {};
    setupTestingDefaults(environ);
    expect(environ['wsgi.input'].read()).toEqual(Buffer.alloc(0));
    environ['wsgi.errors'].write('x');
    environ['wsgi.errors'].writelines(['x']);
    environ['wsgi.errors'].flush();
    expect([...environ['wsgi.file_wrapper']({ read: () => '' })]).toEqual([]);
  });

  test('the validator has no objection', () => {
    const environ = {};
    setupTestingDefaults(environ);
    const statuses: string[] = [];
    const startResponse = (status: string) => {
      statuses.push(status);
      return () => {};
    };
    validator(((_environ: unknown, start: StartResponse) => {
      start('200 OK', []);
      return null;
    }) as never)(environ, startResponse);
    expect(statuses).toEqual(['200 OK']);
  });
});

describe('guessScheme', () => {
  test.each<['http' | 'https', Record<string, string>]>([
    // testGuessScheme
    ['http', {}],
    ['http', { HTTPS: 'foo' }],
    ['https', { HTTPS: 'on' }],
    ['https', { HTTPS: 'yes' }],
    ['https', { HTTPS: '1' }],
    ['http', { HTTPS: 'off' }],
    ['https', { HTTPS: 'ON' }],
    ['https', { REQUEST_SCHEME: 'https' }],
  ])('is %s for %j', (scheme, environ) => expect(guessScheme(environ)).toBe(scheme));
});

describe('applicationUri', () => {
  test.each<[string, Record<string, string>]>([
    // testAppURIs
    ['http://127.0.0.1/', {}],
    ['http://127.0.0.1/spam', { SCRIPT_NAME: '/spam' }],
    ['http://127.0.0.1/sp%E4m', { SCRIPT_NAME: '/sp\xe4m' }],
    ['http://spam.example.com:2071/', { HTTP_HOST: 'spam.example.com:2071', SERVER_PORT: '2071' }],
    ['http://spam.example.com/', { SERVER_NAME: 'spam.example.com' }],
    ['http://127.0.0.1/', { HTTP_HOST: '127.0.0.1', SERVER_NAME: 'spam.example.com' }],
    ['https://127.0.0.1/', { HTTPS: 'on' }],
    ['http://127.0.0.1:8000/', { SERVER_PORT: '8000', HTTP_HOST: '' }],
    ['https://127.0.0.1:8443/', { HTTPS: 'on', SERVER_PORT: '8443', HTTP_HOST: '' }],
    ['https://127.0.0.1/', { HTTPS: 'on', HTTP_HOST: '' }],
  ])('%s for %j', (uri, environ) => expect(applicationUri(defaults({ ...environ }))).toBe(uri));
});

test('a URL is ASCII whatever the Host header is', () => {
  const environ = defaults({ HTTP_HOST: 'h\xe9' });
  expect([applicationUri(environ), requestUri(environ)]).toEqual(['http://h%E9/', 'http://h%E9/']);
});

describe('requestUri', () => {
  test.each<[string, Record<string, string>, boolean?]>([
    // testReqURIs
    ['http://127.0.0.1/', {}],
    ['http://127.0.0.1/spam', { SCRIPT_NAME: '/spam' }],
    ['http://127.0.0.1/sp%E4m', { SCRIPT_NAME: '/sp\xe4m' }],
    ['http://127.0.0.1/spammity/spam', { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam' }],
    ['http://127.0.0.1/spammity/sp%E4m', { SCRIPT_NAME: '/spammity', PATH_INFO: '/sp\xe4m' }],
    ['http://127.0.0.1/spammity/spam;ham', { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam;ham' }],
    ['http://127.0.0.1/spammity/spam;cookie=1234,5678', { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam;cookie=1234,5678' }],
    ['http://127.0.0.1/spammity/spam?say=ni', { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam', QUERY_STRING: 'say=ni' }],
    ['http://127.0.0.1/spammity/spam?s%E4y=ni', { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam', QUERY_STRING: 's%E4y=ni' }],
    ['http://127.0.0.1/spammity/spam', { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam', QUERY_STRING: 'say=ni' }, false],
    ['http://127.0.0.1/?q=%E9%23', { QUERY_STRING: 'q=\xe9#' }],
    ['http://127.0.0.1/a%20b%3F%23%25%22/%C3%BC', { PATH_INFO: '/a b?#%"/\xc3\xbc' }],
  ])('%s for %j', (uri, environ, includeQuery) => {
    const given = defaults({ ...environ });
    expect(includeQuery === undefined ? requestUri(given) : requestUri(given, includeQuery)).toBe(uri);
    expect(new URL(uri).href).toBe(uri);
  });
});

test('testFileWrapper: a file in blocks of the size asked for; close() closes it', () => {
  let text = 'xyz'.repeat(50);
  let closed = 0;
  const file = {
    read(size: number) {
      const block = text.slice(0, size);
      text = text.slice(size);
      return block;
    },
    close: () => closed++,
  };
  const wrapper = new FileWrapper(file, 120);
  expect([...wrapper]).toEqual(['xyz'.repeat(40), 'xyz'.repeat(10)]);
  expect(closed).toBe(0);
  wrapper.close();
  expect(closed).toBe(1);
});

describe('isHopByHop', () => {
  // testHopByHop; "Trailer" is one here, as RFC 2616 §13.5.1 has meant it.
  const hops =
    'Connection Keep-Alive Proxy-Authenticate Proxy-Authorization Proxy-Connection TE Trailers Transfer-Encoding Upgrade Trailer';
  test.each(hops.split(' '))('%s is', (name) => {
    expect([name, name.toUpperCase(), name.toLowerCase()].map(isHopByHop)).toEqual([true, true, true]);
  });
  test.each('Accept Cache-Control Date Pragma Via Warning'.split(' '))('%s is not', (name) => {
    expect([name, name.toUpperCase(), name.toLowerCase()].map(isHopByHop)).toEqual([false, false, false]);
  });
});

test('the streams of setupTestingDefaults can be used', () => {
  const environ = {};
  setupTestingDefaults(environ);
  environ['wsgi.errors'].write('forgotten');
  environ['wsgi.errors'].writelines(['forgotten', 'too']);
  environ['wsgi.errors'].flush();
  expect(environ['wsgi.input'].read()).toEqual(Buffer.alloc(0));
  expect(environ['wsgi.file_wrapper']?.(5, 10)).toBeInstanceOf(FileWrapper);
});

test('shiftPathInfo on an environ without a path', () => {
  const environ = { PATH_INFO: '/a' };
  expect([shiftPathInfo({}), shiftPathInfo({ PATH_INFO: 'x' }), shiftPathInfo(environ), environ]).toEqual([
    undefined,
    '',
    'a',
    { SCRIPT_NAME: '/a', PATH_INFO: '' },
  ]);
});
