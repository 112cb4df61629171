// URLs from environ: what wsgiref's tests do not ask.

import { expect, test } from 'vitest';
import { applicationUri, requestUri } from '../../src/environ/uri.ts';

test('an application at the root, without a Host header', () => {
  const environ = { SERVER_NAME: 'a', SERVER_PORT: '443', 'wsgi.url_scheme': 'https' };
  expect([applicationUri(environ), requestUri(environ)]).toEqual(['https://a/', 'https://a/']);
});
