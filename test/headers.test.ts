// CPython's HeaderTests of test_wsgiref, and what they leave out.

import { describe, expect, test } from 'vitest';
import { ResponseHeaders } from '../src/headers.ts';
import type { Header } from '../src/types.ts';

describe('testMappingInterface', () => {
  const list = (): Header[] => [['x', 'y']];

  test('length, keys, values, items', () => {
    expect(new ResponseHeaders().length).toBe(0);
    expect(new ResponseHeaders([]).length).toBe(0);
    const headers = new ResponseHeaders(list());
    expect(headers.length).toBe(1);
    expect(headers.keys()).toEqual(['x']);
    expect(headers.values()).toEqual(['y']);
    expect(headers.items()).toEqual(list());
  });

  test('items() is a copy', () => {
    const pairs = list();
    const headers = new ResponseHeaders(pairs);
    headers.items().pop();
    const [pair] = headers.items();
    if (pair) pair[1] = 'changed';
    expect(pairs).toEqual(list());
  });

  test('names are found in any case', () => {
    const headers = new ResponseHeaders();
    headers.delete('foo'); // nothing to delete is no error
    headers.set('Foo', 'bar');
    for (const name of ['foo', 'Foo', 'FOO']) {
      expect([headers.has(name), headers.get(name), headers.getAll(name)]).toEqual([true, 'bar', ['bar']]);
    }
    expect([headers.has('bar'), headers.get('bar'), headers.getAll('bar')]).toEqual([false, undefined, []]);
  });

  test('set() replaces, get() has a default, setDefault() adds', () => {
    const headers = new ResponseHeaders();
    headers.set('Foo', 'bar');
    headers.set('foo', 'baz');
    expect([headers.get('FOO'), headers.getAll('foo')]).toEqual(['baz', ['baz']]);
    expect([headers.get('foo', 'whee'), headers.get('zoo', 'whee')]).toEqual(['baz', 'whee']);
    expect([headers.setDefault('foo', 'whee'), headers.setDefault('zoo', 'whee')]).toEqual(['baz', 'whee']);
    expect([headers.get('foo'), headers.get('zoo')]).toEqual(['baz', 'whee']);
  });
});

test('testRequireList: what is not an array is refused', () => {
  expect(() => new ResponseHeaders('foo' as never)).toThrow(TypeError);
  expect(() => new ResponseHeaders(new Map([['a', 'b']]) as never)).toThrow(
    'Headers must be an array of [name, value] pairs; make it [...headers]',
  );
});

test('testExtras: parameters, and the text that goes over the wire', () => {
  const headers = new ResponseHeaders();
  expect(String(headers)).toBe('\r\n');
  headers.addHeader('foo', 'bar', { baz: 'spam' });
  expect(headers.get('foo')).toBe('bar; baz="spam"');
  expect(String(headers)).toBe('foo: bar; baz="spam"\r\n\r\n');
  headers.addHeader('Foo', 'bar', { cheese: null });
  expect(headers.getAll('foo')).toEqual(['bar; baz="spam"', 'bar; cheese']);
  expect(String(headers)).toBe('foo: bar; baz="spam"\r\nFoo: bar; cheese\r\n\r\n');
  expect(headers.toBytes()).toEqual(Buffer.from(String(headers), 'latin1'));
});

test.each<[string | null, Record<string, string | null>, string]>([
  ['attachment', { filename: 'bud.gif' }, 'attachment; filename="bud.gif"'],
  ['attachment', { filename: 'a "b" \\c.txt' }, 'attachment; filename="a \\"b\\" \\\\c.txt"'],
  ['attachment', { filename: 'Dürer.txt' }, 'attachment; filename="Dürer.txt"'],
  ['attachment', { filename: "l'€ (1)*.txt" }, "attachment; filename*=UTF-8''l%27%E2%82%AC%20%281%29%2A.txt"],
  ['text/plain', { charset: 'utf-8', format_flowed: '' }, 'text/plain; charset="utf-8"; format-flowed'],
  [null, { max_age: '5' }, 'max-age="5"'],
  ['plain', {}, 'plain'],
])('addHeader(%j, %j) is %s', (value, parameters, expected) => {
  const headers = new ResponseHeaders();
  headers.addHeader('X', value, parameters);
  expect(headers.get('X')).toBe(expected);
});

test('ResponseHeaders changes the given list, and keeps its order and repetitions', () => {
  const list: Header[] = [
    ['A', '1'],
    ['Set-Cookie', 'a'],
    ['B', '2'],
    ['set-cookie', 'b'],
  ];
  const headers = new ResponseHeaders(list);
  headers.append('Set-Cookie', 'c');
  headers.delete('b');
  headers.set('a', '3');
  expect(list).toEqual([
    ['Set-Cookie', 'a'],
    ['set-cookie', 'b'],
    ['Set-Cookie', 'c'],
    ['a', '3'],
  ]);
  expect([...headers]).toEqual(list);
  expect(headers.getAll('SET-COOKIE')).toEqual(['a', 'b', 'c']);
});

test.each<[string, () => unknown, string]>([
  ['a line end', () => new ResponseHeaders().append('X', 'a\r\nSet-Cookie: b'), 'header-value'],
  ['text beyond ISO-8859-1', () => new ResponseHeaders().set('X', '€'), 'header-value'],
  ['a value that is no string', () => new ResponseHeaders().setDefault('X', 5 as never), 'header-value'],
  ['a name that is none', () => new ResponseHeaders().addHeader('X:', 'y'), 'header-name'],
  ['one in a given list', () => new ResponseHeaders([['X', '\0']]), 'header-value'],
  ['a hop-by-hop header', () => new ResponseHeaders().append('Connection', 'close'), 'header-hop-by-hop'],
  ['a line end in a parameter', () => new ResponseHeaders().addHeader('X', 'y', { a: '\n' }), 'header-value'],
])('%s is refused where it is set', (_what, action, code) => {
  expect(action).toThrow(expect.objectContaining({ code }));
});
