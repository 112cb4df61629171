// Heads from node:http, from Fetch and from other servers, made acceptable to a gateway.

import { expect, test } from 'vitest';
import { checkHeaders, checkStatus } from '../../src/gateway/checks.ts';
import { pairHeaders, sanitizeHeaders, sanitizeReason } from '../../src/gateway/sanitize.ts';
import type { Header } from '../../src/types.ts';

test.each([
  ['OK', 'OK'],
  ['Not\tFound', 'Not Found'],
  [' \tspace around\t ', 'space around'],
  ['', 'fallback'],
  ['\t \t', 'fallback'],
])('the reason %j becomes %j', (reason, expected) => {
  expect(sanitizeReason(reason, 'fallback')).toBe(expected);
  checkStatus(`200 ${sanitizeReason(reason, 'fallback')}`);
});

test('hop-by-hop headers and Status go; all others stay in order, in their spelling, with spaces for tabs', () => {
  const headers: Header[] = [
    ['X-One', '1\t2'],
    ['Connection', 'close'],
    ['status', '404 Not Found'],
    ['Set-Cookie', 'a=1'],
    ['TRANSFER-ENCODING', 'chunked'],
    ['set-cookie', 'b=2'],
  ];
  const sanitized = sanitizeHeaders(headers);
  expect(sanitized).toEqual([
    ['X-One', '1 2'],
    ['Set-Cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ]);
  expect(checkHeaders(sanitized)).toEqual(sanitized);
  expect(headers).toHaveLength(6);
});

test('of several Content-Types and Locations the last one stays, at its place', () => {
  const headers: Header[] = [
    ['Content-Type', 'text/plain'],
    ['Location', '/one'],
    ['X-Between', ''],
    ['content-type', 'text/html'],
    ['LOCATION', '/other'],
    ['X-After', ''],
  ];
  expect(sanitizeHeaders(headers)).toEqual([
    ['X-Between', ''],
    ['content-type', 'text/html'],
    ['LOCATION', '/other'],
    ['X-After', ''],
  ]);
});

test("node:http's flat list becomes pairs", () => {
  expect(pairHeaders(['A', '1', 'a', ''])).toEqual([
    ['A', '1'],
    ['a', ''],
  ]);
  expect(pairHeaders([])).toEqual([]);
});
