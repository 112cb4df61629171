// URLs from environ: what wsgiref's tests do not ask.

import { describe, expect, test } from 'vitest';
import { applicationUri, rawPath, requestUri, resolveLocation } from '../../src/environ/uri.ts';

describe('rawPath()', () => {
  test.each([
    ['as the client wrote it', { SCRIPT_NAME: '/a b', PATH_INFO: '/c/d', REQUEST_URI: '/a%20b/c%2Fd?e' }, '/a%20b', '/c%2Fd'],
    ['of a whole URL', { SCRIPT_NAME: '', PATH_INFO: '/c', REQUEST_URI: 'http://a/c' }, '', '/c'],
    ['encoded anew where somebody has changed the path', { SCRIPT_NAME: '/a', PATH_INFO: '/\xff', REQUEST_URI: '/b' }, '/a', '/%FF'],
    ['encoded anew where the server does not tell', { SCRIPT_NAME: '/a', PATH_INFO: '/b c' }, '/a', '/b%20c'],
    ['nothing of nothing', {}, '', ''],
  ])('%s', (_claim, variables, scriptName, pathInfo) => {
    expect(rawPath(variables)).toEqual({ scriptName, pathInfo });
  });
});

test('an application at the root, without a Host header', () => {
  const environ = { SERVER_NAME: 'a', SERVER_PORT: '443', 'wsgi.url_scheme': 'https' };
  expect([applicationUri(environ), requestUri(environ)]).toEqual(['https://a/', 'https://a/']);
});

test.each([
  ['/a', '/a'],
  ['https://other/', 'https://other/'],
  ['../c?d', 'http://host/x/c?d'],
  ['//[', '//['],
])('resolveLocation() makes of %s %s', (location, expected) => {
  const environ = { 'wsgi.url_scheme': 'http', HTTP_HOST: 'host', SCRIPT_NAME: '/x/y', PATH_INFO: '/z' };
  expect(resolveLocation(location, environ)).toBe(expected);
});

test('a relative Location of a request that has no URL stays as it is', () => {
  expect(resolveLocation('c', { 'wsgi.url_scheme': 'http', HTTP_HOST: '[' })).toBe('c');
});
