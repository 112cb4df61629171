// URLs from environ: what wsgiref's tests do not ask.

import { expect, test } from 'vitest';
import { applicationUri, rawQuery, requestUri } from '../../src/environ/uri.ts';

test('an application at the root, without a Host header', () => {
  const environ = { SERVER_NAME: 'a', SERVER_PORT: '443', 'wsgi.url_scheme': 'https' };
  expect([applicationUri(environ), requestUri(environ)]).toEqual(['https://a/', 'https://a/']);
});

test.each([
  ['http', '80', 'http://a/'],
  ['http', '443', 'http://a:443/'],
  ['https', '80', 'https://a:80/'],
])('the port is left out where it is that of the scheme: %s, %s', (scheme, SERVER_PORT, expected) => {
  expect(applicationUri({ SERVER_NAME: 'a', SERVER_PORT, 'wsgi.url_scheme': scheme })).toBe(expected);
});

test.each([
  ['', ''],
  ['a=b&c=%20', '?a=b&c=%20'],
  ['a=\xc3\xb6 #b', '?a=%C3%B6%20%23b'],
])('a QUERY_STRING of %j is %j in a URL', (QUERY_STRING, expected) => expect(rawQuery({ QUERY_STRING })).toBe(expected));
