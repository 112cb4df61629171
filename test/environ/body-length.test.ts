// The length of a request body, as far as environ tells.

import { describe, expect, test } from 'vitest';
import { bodyLength, bodyTooLarge, checkBodySize, hasBody } from '../../src/environ/body-length.ts';
import { answering, run } from '../fakes.ts';

describe('the length of the body', () => {
  const chunked = (SERVER_SOFTWARE: string) => ({ HTTP_TRANSFER_ENCODING: 'chunked', SERVER_SOFTWARE });
  test.each<[Record<string, string>, number]>([
    [{}, 0],
    [{ CONTENT_LENGTH: '' }, 0],
    [{ CONTENT_LENGTH: '0' }, 0],
    [{ CONTENT_LENGTH: '0005' }, 5],
    [{ CONTENT_LENGTH: '5', ...chunked('nginx/1.22') }, 5],
    [{ HTTP_TRANSFER_ENCODING: 'gzip' }, 0],
    [{ ...chunked('nginx/1.22'), HTTP_TRANSFER_ENCODING: 'chunked, gzip' }, 0],
    [chunked('Apache/2.4.71 (Debian)'), Infinity],
    [{ ...chunked('CivetWeb/1.15'), HTTP_TRANSFER_ENCODING: 'gzip, Chunked ' }, Infinity],
    [{ ...chunked('nginx/1.22.1'), CONTENT_LENGTH: '' }, Infinity],
  ])('%j: %d', (variables, length) => {
    expect(bodyLength(variables)).toBe(length);
  });

  test.each(['+5', '-1', '-5', '5x', '5, 5', ' 5', '0x5', '5.0'])(
    'RFC 3875 #11: CONTENT_LENGTH %j is answered with 400',
    async (CONTENT_LENGTH) => {
      const { output, errors } = await run(answering('never'), { environ: { CONTENT_LENGTH } });
      expect(output).toMatch(/^Status: 400 Bad Request\r\n/);
      expect(errors).toBe(
        `cgi: RequestError [content-length-not-a-number]: CONTENT_LENGTH must be digits, got ${JSON.stringify(CONTENT_LENGTH)}\n`,
      );
    },
  );

  test.each(['busybox httpd/1.35.0', 'SimpleHTTP/0.6 Python/3.11.2', 'merecat/2.32', 'Not-Apache/2.4', ''])(
    'a chunked body under %j cannot be read: 411',
    async (server) => {
      const { output, errors } = await run(answering('never'), { environ: chunked(server) });
      expect(output).toMatch(/^Status: 411 Length Required\r\n/);
      const told = `cannot be read under SERVER_SOFTWARE ${JSON.stringify(server)}; the client must send Content-Length`;
      expect(errors).toBe(`cgi: RequestError [body-of-unknown-length]: A chunked request body ${told}\n`);
    },
  );

  test('a server without SERVER_SOFTWARE decodes no chunked body, and a length that is no string is malformed', () => {
    expect(() => bodyLength({ HTTP_TRANSFER_ENCODING: 'chunked' })).toThrow('under SERVER_SOFTWARE ""; the client');
    expect(() => bodyLength({ CONTENT_LENGTH: 5 })).toThrow('CONTENT_LENGTH must be digits, got 5');
  });

  test('a length above maxBodySize, or too large for a number, is answered with 413 before the application runs', async () => {
    for (const CONTENT_LENGTH of ['11', '18446744073709551611']) {
      const { output } = await run(
        () => {
          throw new Error('ran');
        },
        { environ: { CONTENT_LENGTH }, options: { maxBodySize: 10 } },
      );
      expect(output).toMatch(/^Status: 413 Content Too Large\r\n/);
    }
  });
});

test.each<[string, Record<string, string>, boolean]>([
  ['nothing', {}, false],
  ['a length', { CONTENT_LENGTH: '5' }, true],
  ['the length 0', { CONTENT_LENGTH: '0' }, false],
  ['an empty length', { CONTENT_LENGTH: '' }, false],
  ['a transfer coding', { HTTP_TRANSFER_ENCODING: 'chunked' }, true],
  ['an empty transfer coding', { HTTP_TRANSFER_ENCODING: '' }, false],
  ['a transfer coding and an empty length', { HTTP_TRANSFER_ENCODING: 'chunked', CONTENT_LENGTH: '' }, true],
  ['a transfer coding, and a length of 0 that a gateway has counted', { HTTP_TRANSFER_ENCODING: 'chunked', CONTENT_LENGTH: '0' }, false],
])('whether there is a body: %s', (_what, variables, expected) => {
  expect(hasBody(variables)).toBe(expected);
});

test('a CONTENT_LENGTH of more digits than a number has is too large, and not a body without an end', () => {
  const length = bodyLength({ CONTENT_LENGTH: '9'.repeat(400) });
  expect(length).toBe(Number.MAX_VALUE);
  expect(() => checkBodySize(length, Infinity)).toThrow(expect.objectContaining({ code: 'body-too-large', statusHint: 413 }));
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

test('a body of unknown length that exceeds maxBodySize is too large as well', () => {
  const { name, code, statusHint, message } = bodyTooLarge(10);
  expect([name, code, statusHint, message]).toEqual([
    'RequestError',
    'body-too-large',
    413,
    'The request body is longer than maxBodySize, 10 bytes',
  ]);
});
