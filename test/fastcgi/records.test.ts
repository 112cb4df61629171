// Records and name-value pairs as bytes, against a second hand that writes and reads them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePairs, encodePairs, RecordParser, stderrRecords, stdoutRecords } from '../../src/fastcgi/records.ts';
import { end, pairs, parse, record, stream, TYPES } from './client.ts';

/** What a parser makes of `bytes` cut at `cuts`, streams joined. */
function read(bytes: Buffer, cuts: number[]): [type: number, id: number, content: string][] {
  const found: [number, number, string][] = [];
  const parser = new RecordParser({
    record(type, id, content) {
      const last = found.at(-1);
      const isPiece = type === TYPES.PARAMS || type === TYPES.STDIN;
      if (isPiece && content.length > 0 && last && last[0] === type && last[1] === id && last[2] !== '')
        last[2] += content.toString('latin1');
      else found.push([type, id, content.toString('latin1')]);
    },
    badVersion: (version) => found.push([-1, 0, String(version)]),
  });
  const places = [0, ...cuts.sort((one, other) => one - other), bytes.length];
  // A copy of each: the parser may keep none of them.
  for (let at = 1; at < places.length; at++) {
    const piece = Buffer.from(bytes.subarray(places[at - 1], places[at]));
    parser.feed(piece);
    if (!found.some(([type]) => type === TYPES.PARAMS)) piece.fill(0xff);
  }
  return found;
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
        expect(read(bytes, fitting)).toEqual(read(bytes, []));
      }),
    );
  });

  test('gives the content of BEGIN_REQUEST and GET_VALUES whole, of others it drops it', () => {
    const bytes = Buffer.concat([record(9, 0, 'values'), record(77, 3, 'dropped', 5), record(1, 2, 'begin', 1), record(2, 2)]);
    const everywhere = Array.from(bytes.keys());
    expect(read(bytes, everywhere)).toEqual([
      [9, 0, 'values'],
      [77, 3, ''],
      [1, 2, 'begin'],
      [2, 2, ''],
    ]);
  });

  test('looks at nothing behind a record of another version', () => {
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

  test('are what was encoded', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, byteString(300)), { selector: ([one]) => one }), (list) => {
        const variables = {};
        expect(decodePairs(encodePairs(list).toString('latin1'), variables)).toBe(true);
        expect(Object.entries(variables).sort()).toEqual(list.map(([one, value]) => [one, value]).sort());
        expect(encodePairs(list)).toEqual(Buffer.concat(list.map(([one, value]) => pairs({ [one]: value }))));
      }),
    );
  });

  test('that are not whole are refused', () => {
    const bytes = Buffer.concat([pairs({ A: '1' }), pairs({ B: 'x'.repeat(200) })]);
    for (let length = 1; length < bytes.length; length++) {
      expect(decodePairs(bytes.toString('latin1', 0, length), {})).toBe(length === 4);
    }
  });

  test('of any bytes crash nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => typeof decodePairs(Buffer.from(bytes).toString('latin1'), {}) === 'boolean'),
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

describe('output', () => {
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
    expect(stdoutRecords(1, 'head', 'x'.repeat(30_000), true, false)).toHaveLength(1);
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
    }
  });
});
