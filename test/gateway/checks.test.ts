// The status and the headers that startResponse() refuses.

import { describe, expect, test } from 'vitest';
import { ApplicationError } from '../../src/errors.ts';
import { checkHeader, checkHeaders, checkStatus, isToken } from '../../src/gateway/checks.ts';
import { answering, response, run, SERVER_ERROR } from '../fakes.ts';

type Start = (status: unknown, headers: unknown, excInfo?: unknown) => (block: unknown) => void;

describe('PEP 3333 #42: what startResponse() refuses, with a 500 for the client and a code for the log', () => {
  const rows: [why: string, status: unknown, headers: unknown, code: string, message: string][] = [
    ['PEP 3333 #48: no reason', '200', [], 'status-malformed', 'got "200"'],
    ['PEP 3333 #48: an empty reason', '200 ', [], 'status-malformed', 'got "200 "'],
    ['PEP 3333 #48: two spaces', '200  OK', [], 'status-malformed', 'one space'],
    ['PEP 3333 #48: outer whitespace', '200 OK ', [], 'status-malformed', 'got "200 OK "'],
    ['PEP 3333 #48: CR LF', '200 OK\r\nX: y', [], 'status-malformed', String.raw`"200 OK\r\nX: y"`],
    ['PEP 3333 #48: letters', 'abc OK', [], 'status-malformed', 'three digits'],
    ['PEP 3333 #52: U+0100', '200 Āha', [], 'status-malformed', 'ISO-8859-1'],
    ['a number', 200, [], 'status-malformed', 'got 200'],
    ['an interim status', '103 Early Hints', [], 'status-malformed', 'cannot be interim'],
    ['four digits', '2000 OK', [], 'status-malformed', 'three digits'],
    ['PEP 3333 #49: an object', '200 OK', { 'Content-Type': 'a/b' }, 'headers-not-a-list', 'got an object of Object'],
    ['PEP 3333 #49: a Map', '200 OK', new Map(), 'headers-not-a-list', 'make it [...headers]'],
    ['PEP 3333 #49: nothing', '200 OK', undefined, 'headers-not-a-list', 'got undefined'],
    ['PEP 3333 #49: a triple', '200 OK', [['a', 'b', 'c']], 'headers-not-a-list', 'got an array of 3'],
    ['PEP 3333 #49: a string', '200 OK', ['a: b'], 'headers-not-a-list', 'got "a: b"'],
    ['PEP 3333 #50: a colon', '200 OK', [['A:', 'b']], 'header-name', 'got "A:"'],
    ['PEP 3333 #50: a space', '200 OK', [['A b', 'c']], 'header-name', 'got "A b"'],
    ['PEP 3333 #50: empty', '200 OK', [['', 'c']], 'header-name', 'got ""'],
    ['PEP 3333 #50: no string', '200 OK', [[1, 'c']], 'header-name', 'got 1'],
    ['PEP 3333 #51: LF', '200 OK', [['A', 'b\nC: d']], 'header-value', String.raw`got "b\nC: d"`],
    ['PEP 3333 #51: a control character at the end', '200 OK', [['A', 'b\r']], 'header-value', 'control characters'],
    ['PEP 3333 #51: a tab', '200 OK', [['A', 'b\tc']], 'header-value', 'control characters'],
    ['PEP 3333 #51: DEL', '200 OK', [['A', '\x7f']], 'header-value', 'control characters'],
    ['PEP 3333 #52: U+0100', '200 OK', [['A', 'Ā']], 'header-value', 'must fit ISO-8859-1'],
    ['a value that is no string', '200 OK', [['A', 1]], 'header-value', 'must be a string, got 1'],
    ['a function', '200 OK', [['A', run]], 'header-value', 'got the function run'],
    ['a long value is shown in part', '200 OK', [['A', `\n${'x'.repeat(999)}`]], 'header-value', '…'],
    ['PEP 3333 #55: Connection', '200 OK', [['Connection', 'close']], 'header-hop-by-hop', '"Connection"'],
    ['PEP 3333 #55, #53: TRANSFER-ENCODING', '200 OK', [['TRANSFER-ENCODING', 'chunked']], 'header-hop-by-hop', 'leave the header out'],
    ['RFC 3875 #29: Keep-Alive', '200 OK', [['keep-alive', '1']], 'header-hop-by-hop', 'keep-alive'],
    ['Status as a header', '200 OK', [['status', '200 OK']], 'header-status', 'first argument'],
    [
      'RFC 3875 #23: Content-Type twice',
      '200 OK',
      [
        ['Content-Type', 'a/b'],
        ['content-type', 'c/d'],
      ],
      'header-duplicate',
      '"c/d"',
    ],
    [
      'RFC 3875 #23: Content-Length twice',
      '200 OK',
      [
        ['Content-Length', '1'],
        ['Content-Length', '1'],
      ],
      'header-duplicate',
      'only once',
    ],
    [
      'RFC 3875 #23: Location twice',
      '302 Found',
      [
        ['Location', '/'],
        ['Location', '/a'],
      ],
      'header-duplicate',
      '"/a"',
    ],
    ['Content-Length that is no number', '200 OK', [['Content-Length', '5x']], 'content-length-malformed', 'must be digits, got "5x"'],
    ['an empty Content-Length', '200 OK', [['Content-Length', '']], 'content-length-malformed', 'must be digits'],
  ];
  test.each(rows)('%s', async (_why, status, headers, code, message) => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start(status, headers);
      return 'never sent';
    });
    expect(output).toBe(SERVER_ERROR);
    expect(errors.split('\n')[0]).toMatch(new RegExp(`^cgi: \\[${code}\\] ApplicationError: `));
    expect(errors.split('\n')[0]).toContain(message);
  });

  const accepted: [string, string, [string, string][]][] = [
    ['a reason in ISO-8859-1', '200 Très bien', [['X-Name', 'Dürer']]],
    ['999', '999 Whatever', []],
    ['every token character', '200 OK', [["!#$%&'*+-.^_`|~09azAZ", '']]],
    ['RFC 3875 #27: an absolute Location', '302 Found', [['Location', 'mailto:a@b']]],
    ['RFC 9110 §10.2.2: a relative Location', '302 Found', [['Location', '../a%2Fb?c#d']]],
    ['one that is only a query', '303 See Other', [['Location', '?a']]],
    ['an empty one, which is the page itself', '303 See Other', [['Location', '']]],
    [
      'a header that is repeated',
      '200 OK',
      [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ],
    ],
  ];
  test.each(accepted)('but not %s', async (_what, status, headers) => {
    const { output } = await run(answering('x', headers, status));
    expect(output).toBe(response(status, [...headers.map(([name, value]) => `${name}: ${value}`), 'Content-Length: 1'], 'x'));
  });
});

const CHARACTERS = Array.from({ length: 300 }, (_, code) => String.fromCharCode(code));

/** Whether `check` throws nothing. */
function passes(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof ApplicationError) return false;
    throw error;
  }
}

test('RFC 9110 §5.6.2: the characters of a token', () => {
  const isTokenCharacter = (character: string) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/.test(character);
  expect(CHARACTERS.filter((one) => isToken(one))).toEqual(CHARACTERS.filter(isTokenCharacter));
  expect(CHARACTERS.filter((one) => isToken(`a${one}b`))).toEqual(CHARACTERS.filter(isTokenCharacter));
  expect(isToken('')).toBe(false);
});

test('PEP 3333 #51, #52: the characters of a value, and of a reason', () => {
  const isPrintable = (character: string) => /^[\x20-\x7e\x80-\xff]$/.test(character);
  expect(CHARACTERS.filter((one) => passes(() => checkHeader(['A', `a${one}`])))).toEqual(CHARACTERS.filter(isPrintable));
  expect(CHARACTERS.filter((one) => passes(() => checkStatus(`200 a${one}b`)))).toEqual(CHARACTERS.filter(isPrintable));
});

test('the characters of a Content-Length, and of a status code', () => {
  const digits = [...'0123456789'];
  expect(CHARACTERS.filter((one) => passes(() => checkHeaders([['Content-Length', `1${one}`]])))).toEqual(digits);
  expect(CHARACTERS.filter((one) => passes(() => checkStatus(`20${one} OK`)))).toEqual(digits);
  expect(CHARACTERS.filter((one) => passes(() => checkStatus(`${one}00 OK`)))).toEqual([...'23456789']);
});

test.each(['', '200', '200 ', '20 OK', '200OK', '200-OK', '200  OK', '200 OK ', ' 200 OK', '2000 OK', 200, undefined])(
  'PEP 3333 #48: %j is refused as a status',
  (status) => expect(passes(() => checkStatus(status))).toBe(false),
);

test.each<[string, () => unknown, string]>([
  [
    'status-malformed',
    () => checkStatus('OK'),
    'Status must be three digits, one space and a reason in ISO-8859-1, like "200 OK", got "OK"',
  ],
  [
    'status-malformed',
    () => checkStatus('103 Early Hints'),
    'Status cannot be interim, got "103 Early Hints"; a gateway sends one final response',
  ],
  [
    'status-malformed',
    () => checkStatus(['103 x']),
    'Status must be three digits, one space and a reason in ISO-8859-1, like "200 OK", got an array of 1',
  ],
  [
    'status-malformed',
    () => checkStatus(' 103 x'),
    'Status must be three digits, one space and a reason in ISO-8859-1, like "200 OK", got " 103 x"',
  ],
  ['header-name', () => checkHeaders([[['A'], 'b']]), 'A header\'s name must be a token of RFC 9110 without ":", got an array of 1'],
  ['headers-not-a-list', () => checkHeaders({}), 'Headers must be an array of [name, value] pairs, got an object of Object'],
  ['headers-not-a-list', () => checkHeaders(null), 'Headers must be an array of [name, value] pairs, got null'],
  ['headers-not-a-list', () => checkHeaders('a: b'), 'Headers must be an array of [name, value] pairs, got "a: b"'],
  [
    'headers-not-a-list',
    () => checkHeaders(new Map()),
    'Headers must be an array of [name, value] pairs, got an object of Map; make it [...headers]',
  ],
  ['headers-not-a-list', () => checkHeaders([{ length: 2 }]), 'A header must be a [name, value] pair, got an object of Object'],
  ['header-name', () => checkHeaders([['A:', 'b']]), 'A header\'s name must be a token of RFC 9110 without ":", got "A:"'],
  [
    'header-hop-by-hop',
    () => checkHeaders([['Upgrade', 'b']]),
    'Hop-by-hop header "Upgrade" is not allowed; the connection is the web server\'s, leave the header out',
  ],
  ['header-value', () => checkHeaders([['A', 1]]), 'The value of A must be a string, got 1'],
  [
    'header-value',
    () => checkHeaders([['A', 'a\u0100']]),
    'The value of A must fit ISO-8859-1; encode other characters, for instance as RFC 8187 says, got "a\u0100"',
  ],
  ['header-value', () => checkHeaders([['A', 'b\n']]), 'The value of A cannot hold control characters, got "b\\n"'],
  ['header-status', () => checkHeaders([['STATUS', '200 OK']]), 'Status cannot be a header; it is the first argument of startResponse()'],
  ['content-length-malformed', () => checkHeaders([['content-length', 'x']]), 'Content-Length must be digits, got "x"'],
  [
    'header-duplicate',
    () => checkHeaders(['/a', '/b'].map((place) => ['Location', place])),
    'Location can be set only once; its second value is "/b"',
  ],
])('%s is told in full, case %#', (code, check, message) => {
  expect(check).toThrow(expect.objectContaining({ name: 'ApplicationError', code, message }));
});

test('the response sends copies of the checked list and its pairs', () => {
  const pair: [string, string] = ['A', 'b'];
  const checked = checkHeaders([pair]);
  pair[1] = 'c\n';
  expect(checked).toEqual([['A', 'b']]);
});
