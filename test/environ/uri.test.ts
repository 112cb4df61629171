// URLs from environ: what wsgiref's tests do not ask.

import { expect, test } from 'vitest';
import { applicationUri, requestUri, resolveLocation } from '../../src/environ/uri.ts';

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
