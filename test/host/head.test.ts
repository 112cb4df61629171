// The heads of CGI programs: what counts as one, and what a client gets of it.

import { describe, expect, test } from 'vitest';
import { HeadReader, InvalidOutput } from '../../src/host/head.ts';
import { unchunk } from '../../src/host/unchunk.ts';
import type { Header } from '../../src/types.ts';

const parse = (output: string) => new HeadReader().read(Buffer.from(output, 'latin1'));

describe('the status', () => {
  test.each([
    ['Status: 200 OK\n\n', '200 OK'],
    ['Status: 404\r\n\r\n', '404 Not Found'],
    ['Status:404\n\n', '404 Not Found'],
    ['status:  404   Gone  fishing \n\n', '404 Gone  fishing'],
    ['Status: 200\n\n', '200 OK'],
    ['Status: 799\n\n', '799 Unknown'],
    ['Content-Type: a/b\n\n', '200 OK'],
    ['Content-Type: a/b\nStatus: 404 Not Found\n\n', '404 Not Found'],
    ['Status: 500\nStatus: 404\n\n', '404 Not Found'],
    ['Status:\nContent-Type: a/b\n\n', '200 OK'],
    ['Location: http://a/\n\n', '302 Found'],
    ['Location: http://a/\nStatus: 301\n\n', '301 Moved Permanently'],
    ['Location: /a\nContent-Type: a/b\n\n', '302 Found'],
    ['HTTP/1.0 204 No Content\r\n\r\n', '204 No Content'],
    ['HTTP/1.1 204\n\n', '204 No Content'],
    ['HTTP/2 204 \r\n\r\n', '204 No Content'],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 Created\r\n\r\n', '201 Created'],
    ['Status: 103 Early Hints\nLink: a\n\nContent-Type: a/b\n\n', '200 OK'],
  ])('%j says %s', (output, status) => {
    expect(parse(output)?.status).toBe(status);
  });
});

describe('the headers', () => {
  test.each<[string, string, Header[]]>([
    [
      'keep their order, their case, and each of those that are repeated',
      'Content-Type: a/b\nSet-Cookie: a=1\nx-name: D\xfcrer\nSet-Cookie: b=2\n\n',
      [
        ['Content-Type', 'a/b'],
        ['Set-Cookie', 'a=1'],
        ['x-name', 'D\xfcrer'],
        ['Set-Cookie', 'b=2'],
      ],
    ],
    ['lose the space around a value, and a tab within it', 'Content-Type: \t a/b;\tc=d \t\r\n\r\n', [['Content-Type', 'a/b; c=d']]],
    [
      'RFC 3875 #25: are not there where a CGI header is empty; others may be',
      'Content-Type: a/b\nLocation:\nContent-Length: \nX-Empty:\n\n',
      [
        ['Content-Type', 'a/b'],
        ['X-Empty', ''],
      ],
    ],
    [
      'RFC 3875 #49: lose those that concern the connection, or the server alone',
      'Content-Type: a/b\nConnection: close\nKeep-Alive: 5\nTransfer-Encoding: chunked\nUpgrade: x\nX-CGI-Own: x\n\n',
      [['Content-Type', 'a/b']],
    ],
    ['have no Status where the first line is one', 'HTTP/1.1 200 OK\nStatus: 404\nX: y\n\n', [['X', 'y']]],
    [
      'RFC 3875 #49: of a CGI header that is there twice, have the last',
      'Content-Type: a/b\nContent-Length: 4\nContent-Type: c/d\nContent-Length: 4\n\n',
      [
        ['Content-Type', 'c/d'],
        ['Content-Length', '4'],
      ],
    ],
  ])('%s', (_claim, output, headers) => {
    expect(parse(output)?.headers).toEqual(headers);
  });
});

test.each([
  ['Location: /a?b=c\n\n', '/a?b=c'],
  ['Location: /a\nX-CGI-Own: x\nConnection: close\n\n', '/a'],
  ['Location: //a\n\n', undefined],
  ['Location: /a#b\n\n', undefined],
  ['Location: http://a/\n\n', undefined],
  ['Location: /a\nStatus: 302 Found\n\n', undefined],
  ['Location: /a\nSet-Cookie: a=1\n\n', undefined],
  ['HTTP/1.1 302 Found\nLocation: /a\n\n', undefined],
])('RFC 3875 #48: %j is a local redirect to %j', (output, path) => {
  expect(parse(output)?.localRedirect).toBe(path);
});

test.each(['A: b\r\nStatus:  200 \r\n\r\nbody\n\n', 'A: b\nStatus:  200 \n\nbody\n\n'])(
  'the end of a head is found in any cutting, and the body is unchanged: %j',
  (output) => {
    const whole = Buffer.from(output);
    const reader = new HeadReader();
    const last = whole.indexOf('body') - 1;
    for (let at = 0; at < last; at++) expect(reader.read(whole.subarray(at, at + 1))).toBeUndefined();
    expect(reader.read(whole.subarray(last))).toMatchObject({ headers: [['A', 'b']], body: Buffer.from('body\n\n') });
  },
);

test.each([
  ['\n', 'its head has neither Content-Type nor Location nor Status'],
  ['X: y\n\n', 'its head has neither Content-Type nor Location nor Status'],
  ['no colon\n\n', 'its head has the line "no colon", which is no "Name: value"'],
  [' : x\n\n', 'its head has the line " : x"'],
  ['Content-Type : a/b\n\n', 'its head has the line "Content-Type : a/b"'],
  ['Content-Type: a/b;\n c=d\n\n', 'its head has the line " c=d"'],
  ['Content-Type: a/b\nX(Y): z\n\n', `in its head: A header's name must be a token of RFC 9110 without ":", got "X(Y)"`],
  ['Content-Type: a/b\nX: a\rSet-Cookie: b\n\n', 'in its head: The value of X cannot hold control characters, got "a\\rSet-Cookie: b"'],
  ['Content-Type: a/b\nX: a\0b\n\n', 'in its head: The value of X cannot hold control characters'],
  ['Content-Type: a/b\nContent-Length: -1\n\n', 'its Content-Length must be digits, and one number, got "-1"'],
  ['Content-Type: a/b\nContent-Length: 4, 4\n\n', 'its Content-Length must be digits, and one number, got "4, 4"'],
  ['Content-Length: 4\nContent-Length: 5\n\n', 'its Content-Length must be digits, and one number, got "4, 5"'],
  ['Status: 200OK\n\n', 'in its head: Status must be three digits'],
  ['Status: abc\n\n', 'in its head: Status must be three digits'],
  ['Status: 99\n\n', 'in its head: Status must be three digits'],
  ['Status: 1000 Far out\n\n', 'in its head: Status must be three digits'],
  ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'in its head: Status cannot be interim'],
  [`X: ${'x'.repeat(70_000)}`, 'its head is longer than 65536 bytes'],
  [`X: ${'x'.repeat(70_000)}\n\n`, 'its head is longer than 65536 bytes'],
  ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000), 'its head is longer than 65536 bytes'],
  [`${'Status: 100\n\n'.repeat(10_000)}Status: 200\n\n`, 'its head is longer than 65536 bytes'],
])('%j is no head', (output, message) => {
  expect(() => parse(output)).toThrow(InvalidOutput);
  expect(() => parse(output)).toThrow(message);
});

describe('the chunked coding of a whole HTTP response', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n';

  async function unchunked(text: string, pieceLength: number): Promise<string> {
    async function* pieces() {
      for (let at = 0; at < text.length; at += pieceLength) yield Buffer.from(text.slice(at, at + pieceLength));
    }
    let body = '';
    for await (const block of unchunk(pieces())) body += block;
    return body;
  }

  test('is recognized there only', () => {
    expect(parse(HEAD)?.isChunked).toBe(true);
    expect(parse('Status: 200\nTransfer-Encoding: chunked\n\n')?.isChunked).toBe(false);
  });

  test.each([1, 2, 3, 7, 1000])('is decoded in pieces of %d bytes', async (pieceLength) => {
    expect(await unchunked('5\r\nhello\r\nA;name="value"\r\n 012345678\r\n0\r\nTrailer: x\r\n\r\n', pieceLength)).toBe('hello 012345678');
    expect(await unchunked('5\nhello\n0\n\n', pieceLength)).toBe('hello');
  });

  test.each([
    ['5\r\nhel', 'its chunked body broke off'],
    ['5\r\nhello\r\n', 'its chunked body broke off'],
    ['', 'its chunked body broke off'],
    ['x'.repeat(2000), 'its chunked body is malformed'],
    ['5\r\nhello world, this is far more than five bytes\r\n'.padEnd(3000), 'its chunked body is malformed'],
  ])('%j is an error', async (text, message) => {
    await expect(unchunked(text, 10_000)).rejects.toThrow(message);
  });
});
