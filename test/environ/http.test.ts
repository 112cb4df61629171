// Variables of requests that come as HTTP.

import { expect, test } from 'vitest';
import { addHeader, headerVariables, requestHeaders, targetVariables } from '../../src/environ/http.ts';
import { setupTestingDefaults } from '../../src/util.ts';

test.each([
  ['/a%20b?c=d', { SCRIPT_NAME: '', REQUEST_URI: '/a%20b?c=d', PATH_INFO: '/a b', QUERY_STRING: 'c=d' }],
  ['HTTP+1.0-A://a/b?c?d', { SCRIPT_NAME: '', REQUEST_URI: 'HTTP+1.0-A://a/b?c?d', PATH_INFO: '/b', QUERY_STRING: 'c?d', HTTP_HOST: 'a' }],
  ['http://a/', { SCRIPT_NAME: '', REQUEST_URI: 'http://a/', PATH_INFO: '/', QUERY_STRING: '', HTTP_HOST: 'a' }],
  ['1http://a/b', { SCRIPT_NAME: '', REQUEST_URI: '1http://a/b', PATH_INFO: '1http://a/b', QUERY_STRING: '' }],
  ['*', { SCRIPT_NAME: '', REQUEST_URI: '*', PATH_INFO: '/', QUERY_STRING: '' }],
  ['http://a:81?b', { SCRIPT_NAME: '', REQUEST_URI: 'http://a:81?b', PATH_INFO: '/', QUERY_STRING: 'b', HTTP_HOST: 'a:81' }],
])('the target %s', (target, variables) => {
  expect(targetVariables(target)).toEqual(variables);
});

test('repeated headers are joined, the first Content-Type counts, and no header becomes a reserved variable', () => {
  const variables = headerVariables([
    ['Content-Type', 'a/b'],
    ['content-type', 'c/d'],
    ['X-A', '1'],
    ['x-a', '2'],
    ['Cookie', 'a'],
    ['Cookie', 'b'],
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Proxy', 'x'],
    ['X_A', '3'],
    ['X(A)', '4'],
  ]);
  expect(variables).toEqual({ CONTENT_TYPE: 'a/b', HTTP_X_A: '1, 2', HTTP_COOKIE: 'a; b' });
});

test('headers with a thousand different names become the right variables', () => {
  const variables: Record<string, unknown> = {};
  for (let count = 0; count < 1000; count++) addHeader(variables, `X-${count}`, 'x');
  addHeader(variables, 'X-999', 'y');
  expect(Object.keys(variables)).toHaveLength(1000);
  expect(variables.HTTP_X_999).toBe('x, y');
});

test('variables become headers again; an empty CONTENT_TYPE and what is no header do not', () => {
  const variables = { HTTP_X_A: '', CONTENT_TYPE: '', CONTENT_LENGTH: '5', HTTP_HOST: 'a', PATH_INFO: '/', HTTP_ODD: 5 };
  const environ: Record<string, unknown> = variables;
  setupTestingDefaults(environ);
  expect(requestHeaders(environ)).toEqual([
    ['x-a', ''],
    ['content-length', '5'],
    ['host', 'a'],
  ]);
});
