// Records and name-value pairs as bytes, against a second hand that writes and reads them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodePairs,
  encodePairs,
  endRequest,
  RecordParser,
  stderrRecords,
  stdoutRecords,
  unknownType,
} from '../../src/fastcgi/records.ts';
import { end, pairs, parse, record, stream, TYPES } from './client.ts';

type Found = [type: number, id: number, content: string];

/** Joins the pieces of one stream that follow each other; an empty one is its end. */
function joinPieces(records: Found[]): Found[] {
  const joined: Found[] = [];
  for (const [type, id, content] of records) {
    const last = joined.at(-1);
    const isPiece = type === TYPES.PARAMS || type === TYPES.STDIN;
    if (isPiece && content !== '' && last && last[0] === type && last[1] === id && last[2] !== '') last[2] += content;
    else joined.push([type, id, content]);
  }
  return joined;
}

/** What a parser makes of `bytes` cut at `cuts`, streams joined. */
function read(bytes: Buffer, cuts: number[]): Found[] {
  const found: Found[] = [];
  const parser = new RecordParser({
    record: (type, id, content) => found.push([type, id, content.toString('latin1')]),
    badVersion: (version) => found.push([-1, 0, String(version)]),
  });
  const places = [0, ...cuts.sort((one, other) => one - other), bytes.length];
  // A copy of each: the parser may keep none of them.
  for (let at = 1; at < places.length; at++) {
    const piece = Buffer.from(bytes.subarray(places[at - 1], places[at]));
    parser.feed(piece);
    if (!found.some(([type]) => type === TYPES.PARAMS)) piece.fill(0xff);
  }
  return joinPieces(found);
}

const anyRecord = fc.record({
  type: fc.constantFrom<number[]>(1, 2, 4, 5, 8, 9, 77),
  id: fc.nat(65_535),
  content: fc.uint8Array({ maxLength: 40 }),
  padding: fc.nat(255),
});

describe('the parser', () => {
  test('finds the same records in any cutting', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 6 }), fc.array(fc.nat(2000), { maxLength: 20 }), (records, cuts) => {
        const bytes = Buffer.concat(records.map(({ type, id, content, padding }) => record(type, id, content, padding)));
        const fitting = cuts.map((cut) => Math.min(cut, bytes.length));
        const written = records.map(({ type, id, content }): [number, number, string] => {
          const isRead = [TYPES.BEGIN_REQUEST, TYPES.PARAMS, TYPES.STDIN, TYPES.GET_VALUES].some((one) => one === type);
          return [type, id, isRead ? Buffer.from(content).toString('latin1') : ''];
        });
        expect(read(bytes, fitting)).toEqual(joinPieces(written));
      }),
    );
  });

  test('gives the content of BEGIN_REQUEST and GET_VALUES whole, and drops that of other types', () => {
    const bytes = Buffer.concat([record(9, 0, 'values'), record(77, 3, 'dropped', 5), record(1, 2, 'begin', 1), record(2, 2)]);
    const everywhere = Array.from(bytes.keys());
    expect(read(bytes, everywhere)).toEqual([
      [9, 0, 'values'],
      [77, 3, ''],
      [1, 2, 'begin'],
      [2, 2, ''],
    ]);
  });

  test.each(['STDIN', 'PARAMS'] as const)('hands on the first bytes of %s without waiting for the rest', (type) => {
    const found: string[] = [];
    const parser = new RecordParser({ record: (_type, _id, content) => found.push(content.toString()), badVersion() {} });
    const bytes = record(type, 1, 'first second');
    parser.feed(bytes.subarray(0, 13));
    expect(found).toEqual(['first']);
    parser.feed(bytes.subarray(13));
    expect(found).toEqual(['first', ' second']);
  });

  test('copies no record that comes in one piece', () => {
    const bytes = record('GET_VALUES', 0, 'values');
    const found: string[] = [];
    const parser = new RecordParser({
      record(_type, _id, content) {
        bytes.fill('x', 8);
        found.push(String(content));
      },
      badVersion() {},
    });
    parser.feed(bytes);
    expect(found).toEqual(['xxxxxx']);
  });

  test('reads nothing after stop(), not even the rest of the same piece', () => {
    const found: number[] = [];
    const parser = new RecordParser({
      record(type) {
        found.push(type);
        if (type === TYPES.ABORT_REQUEST) parser.stop();
      },
      badVersion() {},
    });
    parser.feed(Buffer.concat([record('STDIN', 1), record('ABORT_REQUEST', 1), record('STDIN', 1)]));
    parser.feed(record('STDIN', 1));
    expect(found).toEqual([TYPES.STDIN, TYPES.ABORT_REQUEST]);
  });

  test.each([0, 2])('knows at each byte whether it stands between two records, with %i bytes of padding', (padding) => {
    const parser = new RecordParser({ record() {}, badVersion() {} });
    const bytes = record('STDIN', 1, 'ab', padding);
    expect(parser.isBetweenRecords).toBe(true);
    const isBetween = Array.from(bytes, (_byte, at) => {
      parser.feed(bytes.subarray(at, at + 1));
      return parser.isBetweenRecords;
    });
    expect(isBetween).toEqual([...Array(bytes.length - 1).fill(false), true]);
  });

  test('reads nothing behind a record of another version', () => {
    expect(read(Buffer.concat([record(2, 1), record(2, 1, '', 0, 3), record(2, 1)]), [])).toEqual([
      [2, 1, ''],
      [-1, 0, '3'],
    ]);
  });
});

describe('name-value pairs', () => {
  const byteString = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  // "__proto__" is no variable.
  const name = byteString(200).filter((text) => text !== '__proto__' && !text.startsWith('HTTP_'));

  test('are decoded as they were encoded', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, byteString(300)), { selector: ([one]) => one }), (list) => {
        const variables = {};
        expect(decodePairs(encodePairs(list).toString('latin1'), variables)).toBe(true);
        expect(Object.entries(variables).sort()).toEqual(list.map(([one, value]) => [one, value]).sort());
        expect(encodePairs(list)).toEqual(Buffer.concat(list.map(([one, value]) => pairs({ [one]: value }))));
      }),
    );
  });

  // 16 MiB and more need all four bytes of a long length.
  test.each([0, 1, 126, 127, 128, 129, 255, 256, 65_535, 65_536, 0x1020304])('of %i characters have the right length', (length) => {
    const text = 'x'.repeat(length);
    for (const variables of [
      { [`${text}!`]: 'short', ANOTHER: 'one' },
      { NAME: text, ANOTHER: 'one' },
    ]) {
      const bytes = pairs(variables);
      expect(encodePairs(Object.entries(variables)).equals(bytes)).toBe(true);
      const decoded = {};
      expect(decodePairs(bytes.toString('latin1'), decoded)).toBe(true);
      expect(Object.entries(decoded).every(([name, value], at) => Object.entries(variables)[at]?.join() === [name, value].join())).toBe(
        true,
      );
      expect(Object.keys(decoded)).toHaveLength(2);
    }
  });

  test('of one name: headers are joined, and the last one of any other name counts', () => {
    const list = ['HTTP_A', 'HTTP_COOKIE', 'X_HTTP_', 'NAME'].flatMap((name) => [[name, '1'] as const, [name, '2'] as const]);
    const variables = {};
    expect(decodePairs(encodePairs(list).toString('latin1'), variables)).toBe(true);
    expect(variables).toEqual({ HTTP_A: '1, 2', HTTP_COOKIE: '1; 2', X_HTTP_: '2', NAME: '2' });
  });

  test('have their own names, whatever the previous request had in their place', () => {
    for (const [name, value] of [
      ['AB', 'one'],
      ['AC', 'two'],
      ['A', 'x'],
      ['ABC', 'three'],
      // The lengths of the next pair are 1 and 5, and read as characters they end in this name.
      ['\x05', 'four'],
      ['Z', 'fives'],
    ] as const) {
      const variables = {};
      decodePairs(pairs({ [name]: value }).toString('latin1'), variables);
      expect(variables).toEqual({ [name]: value });
    }
  });

  test('that are cut short are refused', () => {
    const bytes = Buffer.concat([pairs({ A: '1' }), pairs({ B: 'x'.repeat(200) })]);
    for (let length = 1; length < bytes.length; length++) {
      expect(decodePairs(bytes.toString('latin1', 0, length), {})).toBe(length === 4);
    }
  });

  test('of arbitrary bytes are decoded or refused, and throw nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect([true, false]).toContain(decodePairs(Buffer.from(bytes).toString('latin1'), {}));
      }),
    );
  });

  test('cannot reach the prototype of an object', () => {
    const variables: Record<string, string> = {};
    decodePairs(
      pairs(
        Object.fromEntries([
          ['__proto__', 'x'],
          ['constructor', 'y'],
        ]),
      ).toString('latin1'),
      variables,
    );
    expect(Object.getPrototypeOf(variables)).toBe(Object.prototype);
    expect(variables.constructor).toBe('y');
  });
});

describe('records for the web server', () => {
  test('END_REQUEST has its protocol status, and the exit status 0', () => {
    expect(endRequest(258, 3)).toEqual(record('END_REQUEST', 258, Buffer.of(0, 0, 0, 0, 3, 0, 0, 0)));
  });

  test('UNKNOWN_TYPE names the type, and belongs to no request', () => {
    expect(unknownType(77)).toEqual(record('UNKNOWN_TYPE', 0, Buffer.of(77, 0, 0, 0, 0, 0, 0, 0)));
  });
});

describe('output', () => {
  const LATIN = 'X-Name: D\xfcrer\r\n\r\n';

  test.each([10, 40_000])('of %i characters: the head is ISO-8859-1, text is UTF-8, and bytes stay as they are', (size) => {
    for (const [block, expected] of [
      ['e'.repeat(size), 'e'.repeat(size)],
      ['\u00e9'.repeat(size), '\xc3\xa9'.repeat(size)],
      [Buffer.alloc(size, 'e\xe9\xff', 'latin1'), Buffer.alloc(size, 'e\xe9\xff', 'latin1').toString('latin1')],
    ] as const) {
      const records = parse(Buffer.concat(stdoutRecords(1, LATIN, block, false, false)));
      expect(records.map(({ content }) => content).join('') === LATIN + expected).toBe(true);
    }
  });

  test.each([0, 1, 32_767, 32_768, 65_535, 65_536, 131_070, 200_000])('of %i bytes has an empty record at its end only', (size) => {
    for (const head of ['', 'head']) {
      const isEmpty = (isLast: boolean) =>
        parse(Buffer.concat(stdoutRecords(1, head, Buffer.alloc(size, 'a'), isLast, false))).map(({ content }) => content === '');
      const expected = Array<boolean>(isEmpty(false).length).fill(false);
      expect(isEmpty(false)).toEqual(expected);
      expect(isEmpty(true)).toEqual([...expected, true, false]);
    }
  });

  test('of a long head alone is that head', () => {
    const head = 'x'.repeat(100_000);
    const records = parse(Buffer.concat(stdoutRecords(1, head, undefined, false, false)));
    expect(records.map(({ content }) => content).join('') === head).toBe(true);
  });

  test('above 32 KiB is not copied', () => {
    const block = new Uint8Array(32_769);
    expect(stdoutRecords(1, '', block, true, false).filter(({ buffer }) => buffer === block.buffer)).toHaveLength(1);
  });

  test.each([0, 1, 32_767, 32_768, 32_769, 65_535, 65_536, 131_071, 200_000])('of %i bytes is the head and all of them', (size) => {
    const block = Buffer.alloc(size, 'abcdefg');
    for (const form of [block, block.toString()]) {
      const bytes = Buffer.concat(stdoutRecords(258, 'head\r\n\r\n', form, true, true));
      const records = parse(bytes);
      expect(records.every(({ id, content }) => id === 258 && content.length <= 65_535)).toBe(true);
      expect(records.map(({ content }) => content).join('') === `head\r\n\r\n${block}${'\0'.repeat(8)}`).toBe(true);
      expect(records.slice(-3)).toEqual([
        { type: 'STDOUT', id: 258, content: '' },
        { type: 'STDERR', id: 258, content: '' },
        { type: 'END_REQUEST', id: 258, content: '\0'.repeat(8) },
      ]);
    }
  });

  test('without head and block is the end alone', () => {
    expect(stdoutRecords(1, '', undefined, true, false)).toEqual([Buffer.concat([record('STDOUT', 1), end(1)])]);
  });

  test('up to 32 KiB is one buffer', () => {
    expect(stdoutRecords(1, 'head', 'x'.repeat(32_764), true, false)).toHaveLength(1);
  });

  test('for the log is none for no text', () => {
    expect(stderrRecords(1, '')).toEqual([]);
    expect(parse(Buffer.concat(stderrRecords(1, '\u00e9')))).toEqual([{ type: 'STDERR', id: 1, content: '\xc3\xa9' }]);
  });

  // HAProxy 2.6 aborts at a record without padding, and writes behind its buffer, of 16 KiB, when a record fills that.
  test.each([1, 7, 8, 9, 8_192, 8_193, 100_000])('for the log, of %i bytes, is in small records with padding', (size) => {
    const text = 'abcdefg'.repeat(20_000).slice(0, size);
    const records = stderrRecords(1, text);
    expect(stream(Buffer.concat(records), 'STDERR')).toBe(text);
    for (const bytes of records) {
      expect(bytes.readUInt16BE(4)).toBeLessThanOrEqual(8_192);
      expect(bytes.readUInt8(6)).toBeGreaterThan(0);
      expect(bytes.readUInt8(6)).toBeLessThanOrEqual(8);
      expect(bytes.length % 8).toBe(0);
    }
  });
});
