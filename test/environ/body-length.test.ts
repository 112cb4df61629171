// The length of a request body, as far as environ tells.

import { expect, test } from 'vitest';
import { bodyTooLarge, checkBodySize, hasBody } from '../../src/environ/body-length.ts';

test.each<[string, Record<string, string>, boolean]>([
  ['nothing', {}, false],
  ['a length', { CONTENT_LENGTH: '5' }, true],
  ['the length 0', { CONTENT_LENGTH: '0' }, false],
  ['an empty length', { CONTENT_LENGTH: '' }, false],
  ['a transfer coding', { HTTP_TRANSFER_ENCODING: 'chunked' }, true],
  ['a transfer coding and an empty length', { HTTP_TRANSFER_ENCODING: 'chunked', CONTENT_LENGTH: '' }, true],
  ['a transfer coding, and a length of 0 that a gateway has counted', { HTTP_TRANSFER_ENCODING: 'chunked', CONTENT_LENGTH: '0' }, false],
])('whether there is a body: %s', (_what, variables, expected) => {
  expect(hasBody(variables)).toBe(expected);
});

test.each([
  [10, 10],
  [0, 0],
  [Infinity, 10],
  [Number.MAX_SAFE_INTEGER, Infinity],
])('a body of %d bytes is not above a limit of %d', (length, limit) => {
  expect(checkBodySize(length, limit)).toBeUndefined();
});

test.each([
  [11, 10, 'The request body of 11 bytes is larger than maxBodySize, 10 bytes'],
  [2 ** 53, Infinity, 'The request body of 9007199254740992 bytes is larger than maxBodySize, Infinity bytes'],
])('a body of %d bytes is above a limit of %d', (length, limit, message) => {
  expect(() => checkBodySize(length, limit)).toThrow(expect.objectContaining({ code: 'body-too-large', statusHint: 413, message }));
});

test('a body whose length is not known before it is read is too large as well', () => {
  const { name, code, statusHint, message } = bodyTooLarge(10);
  expect([name, code, statusHint, message]).toEqual([
    'RequestError',
    'body-too-large',
    413,
    'The request body is longer than maxBodySize, 10 bytes',
  ]);
});
