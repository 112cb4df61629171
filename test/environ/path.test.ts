// The functions that decide what a path is. test/paths.test.ts has them at work in every gateway.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rawPath, removeDotSegments, stripPathPrefix } from '../../src/environ/path.ts';
import { shiftPathInfo } from '../../src/environ/path-info.ts';

describe('rawPath()', () => {
  test.each([
    ['as the client wrote it', { SCRIPT_NAME: '/a b', PATH_INFO: '/c/d', REQUEST_URI: '/a%20b/c%2Fd?e' }, '/a%20b', '/c%2Fd'],
    ['of a whole URL', { PATH_INFO: '/c d/e', REQUEST_URI: 'H2+c.x-1://a.example:81/c%20d%2Fe?f=g/h#i' }, '', '/c%20d%2Fe'],
    ['of a path that has a URL in it', { PATH_INFO: '/Ahttp://a/b', REQUEST_URI: '/%41http://a/b?http://c/d' }, '', '/%41http://a/b'],
    ['of a script’s name alone', { SCRIPT_NAME: '/a', PATH_INFO: '', REQUEST_URI: '/%61' }, '/%61', ''],
    [
      'behind a name of letters that could be a triple',
      { SCRIPT_NAME: '/abc d', PATH_INFO: '/e/f', REQUEST_URI: '/abc%20d/e%2Ff' },
      '/abc%20d',
      '/e%2Ff',
    ],
    ['behind a malformed triple', { SCRIPT_NAME: '/5%', PATH_INFO: '/abc/d', REQUEST_URI: '/5%/abc%2Fd' }, '/5%', '/abc%2Fd'],
    ['encoded anew where the target does not begin with "/"', { SCRIPT_NAME: '/a', PATH_INFO: '', REQUEST_URI: '%2Fa' }, '/a', ''],
    ['of a URL without a query', { SCRIPT_NAME: '', PATH_INFO: '/c', REQUEST_URI: 'http://a/c' }, '', '/c'],
    ['encoded anew where somebody has changed the path', { SCRIPT_NAME: '/a', PATH_INFO: '/\xff', REQUEST_URI: '/b' }, '/a', '/%FF'],
    ['encoded anew where the server does not tell', { SCRIPT_NAME: '/a', PATH_INFO: '/b c' }, '/a', '/b%20c'],
    ['encoded anew where the client wrote dots', { PATH_INFO: '/b/c', REQUEST_URI: '/a/../b%2Fc' }, '', '/b/c'],
    ['encoded anew where %2F parts the two', { SCRIPT_NAME: '/a', PATH_INFO: '/b', REQUEST_URI: '/a%2Fb' }, '/a', '/b'],
    ['with the characters that clients leave as they are', { PATH_INFO: '/[a]|"', REQUEST_URI: '/[a]|"' }, '', '/[a]|"'],
    ['with a malformed triple, which is the client’s own', { PATH_INFO: '/100%', REQUEST_URI: '/100%' }, '', '/100%'],
    ['with bytes that the client did not encode', { PATH_INFO: '/J\xc3\xb6rg x', REQUEST_URI: '/J\xc3\xb6rg%20x' }, '', '/J%C3%B6rg%20x'],
    ['with "\\" encoded, and what new URL() would drop', { PATH_INFO: '/.\t.\\', REQUEST_URI: '/.\t.\\' }, '', '/.%09.%5C'],
    ['without dots that an application has put there', { SCRIPT_NAME: '/a', PATH_INFO: '/../b' }, '/a', '/b'],
    ['nothing is the root', {}, '', '/'],
  ])('%s', (_claim, variables, scriptName, pathInfo) => {
    expect(rawPath(variables)).toEqual({ scriptName, pathInfo });
  });

  test.each([
    ['/a b', '/a b', '/a%20b'],
    ['/J\xc3\xb6rg', '/J\xc3\xb6rg', '/J%C3%B6rg'],
    ['/a/b', '/a/b', '/a/b'],
    ['/a%20b', '/a%20b', '/a%2520b'],
    ['/100%', '/100%', '/100%25'],
    ['/100%/%41', '/100%/%41', '/100%25/%2541'],
  ])('busybox and civetweb: a REQUEST_URI of %j that is decoded already', (PATH_INFO, REQUEST_URI, pathInfo) => {
    for (const SERVER_SOFTWARE of ['busybox httpd/1.35.0', 'CivetWeb/1.15']) {
      const environ = { SCRIPT_NAME: '/app.cgi', PATH_INFO, REQUEST_URI: `/app.cgi${REQUEST_URI}`, SERVER_SOFTWARE };
      expect(rawPath(environ)).toEqual({ scriptName: '/app.cgi', pathInfo });
    }
  });
});

test.each([
  ['/a%2Fb', '/a%2Fb', '/a%2Fb'],
  ['/a%2Fb c', '/a%2fb%20c', '/a%252Fb%20c'],
  ['/a%2fb c', '/a%2fb%20c', '/a%2fb%20c'],
  ['/a%2Fb', '/a%252Fb', '/a%252Fb'],
  ['/..%2F..%2Fb', '/..%2F..%2Fb', '/..%252F..%252Fb'],
])('Apache with "AllowEncodedSlashes NoDecode": a PATH_INFO of %j for %j', (PATH_INFO, REQUEST_URI, pathInfo) => {
  expect(rawPath({ PATH_INFO, REQUEST_URI, SERVER_SOFTWARE: 'Apache/2.4.71 (Debian)' })).toEqual({ scriptName: '', pathInfo });
});

test('behind other servers "%2F" in PATH_INFO was "%252F", and a REQUEST_URI of another path is ignored', () => {
  const environ = { PATH_INFO: '/a%2Fb', REQUEST_URI: '/a%2Fb', SERVER_SOFTWARE: 'nginx/1.22.1' };
  expect(rawPath(environ)).toEqual({ scriptName: '', pathInfo: '/a%252Fb' });
});

test.each([
  ['/a/b', '', '/a/b'],
  ['/a/b', '/a', '/b'],
  ['/a/b', '/a/b', ''],
  ['/a', '/a/b', undefined],
  ['/ab', '/a', undefined],
  ['//a///b//c', '/a/b', '//c'],
  ['/a', '//a/', ''],
  ['/', '/a', undefined],
  ['', '/a', undefined],
])('stripPathPrefix(%j, %j) is %j', (path, prefix, expected) => {
  expect(stripPathPrefix(path, prefix)).toBe(expected);
});

test.each([
  ['/a/b/c/./../../g', '/a/g'], // RFC 3986 §5.2.4
  ['/./../', '/'],
  ['/a/b/..', '/a/'],
  ['/a//../..', '/'],
  ['/.a/..b/c..', '/.a/..b/c..'],
  ['', ''],
])('removeDotSegments(%j) is %j', (path, expected) => {
  expect(removeDotSegments(path)).toBe(expected);
});

test('shiftPathInfo() and stripPathPrefix() agree on what the first segment is', () => {
  const path = fc.array(fc.constantFrom('', 'a', 'b', 'ab'), { minLength: 1 }).map((segments) => `/${segments.join('/')}`);
  fc.assert(
    fc.property(path, (PATH_INFO) => {
      expect(shiftPathInfo({ SCRIPT_NAME: '', PATH_INFO }) === 'a').toBe(stripPathPrefix(PATH_INFO, '/a') !== undefined);
    }),
  );
});
