// The light Headers against Node's own: the same operations on both, and no difference.

import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { errorOf, light, outcome, same } from './compare.ts';

const headerName = fc.oneof(
  fc.constantFrom('a', 'B', 'Set-Cookie', 'set-cookie', 'Cookie', 'x-y', 'Content-Type'),
  fc.string({ maxLength: 4 }),
);

const headerValue = fc.oneof(
  fc.constantFrom('', ' x ', '\t\n', 'a, b', 'D\xfcrer', '€', 'a\rb', 'a\0b'),
  fc.string({ maxLength: 6 }),
  fc.integer(),
);

const headerOperation = fc.oneof(
  fc.tuple(fc.constantFrom('append', 'set'), headerName, headerValue),
  fc.tuple(fc.constantFrom('get', 'has', 'delete'), headerName),
  fc.tuple(fc.constantFrom('getSetCookie')),
);

describe('Headers', () => {
  test('any operations in any order leave the same, and throw the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(headerOperation, { maxLength: 12 }), async (operations) => {
        await same(async ({ Headers: H }) => {
          const headers = new H();
          const results = [];
          for (const [method, ...args] of operations) results.push(await outcome(() => headers[method](...args)));
          return [results, [...headers], [...headers.keys()], [...headers.values()], [...headers.entries()]];
        });
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['a string', 'ab'],
    ['an empty object', {}],
    ['a record', { b: '1', A: 2, 'set-cookie': 'x' }],
    [
      'pairs',
      [
        ['b', '1'],
        ['a', '2'],
        ['B', '3'],
      ],
    ],
    ['a pair of three', [['a', 'b', 'c']]],
    ['strings as pairs', ['ab']],
    ['a map', new Map([['a', 'b']])],
    ['a symbol as a name', { [Symbol('a')]: 'b' }],
    ['a symbol as a value', { a: Symbol('b') }],
    ['a bad name', { 'a b': 'c' }],
    ['native headers', new Headers({ a: 'b' })],
    ['light headers', new light.Headers({ a: 'b' })],
    ['what is not iterable', { [Symbol.iterator]: 5 }],
  ])('made of %s', async (_what, init) => {
    await same(({ Headers: H }) => [...new H(init)]);
  });

  test('iteration is live, and forEach has its own this', async () => {
    await same(({ Headers: H }) => {
      const headers = new H({ b: '1', c: '2' });
      const seen: unknown[] = [];
      for (const [name] of headers) {
        seen.push(name);
        if (name === 'b') {
          headers.delete('c');
          headers.append('d', '3');
          headers.append('a', '0');
        }
        if (seen.length > 9) break;
      }
      const self = {};
      headers.forEach(function (this: unknown, value: string, name: string, all: unknown) {
        seen.push([value, name, all === headers, this === self]);
      }, self);
      const iterator = headers[Symbol.iterator]();
      return [seen, iterator[Symbol.iterator]() === iterator, 'next' in iterator, H.prototype[Symbol.iterator] === H.prototype.entries];
    });
  });

  test.each(['append', 'set', 'get', 'has', 'delete', 'forEach'])('%s without its arguments throws the same', async (method) => {
    await same(({ Headers: H }) => new H()[method]());
  });

  test('what is given is converted before anything is appended, a name before its value', async () => {
    await same(({ Headers: H }) => {
      const log: string[] = [];
      const text = (value: string) => ({ toString: () => log.push(value) && value });
      const fails = { a: text('first'), '\uffff': text('never'), b: text('never') };
      return [
        ...[
          fails,
          [
            ['a', text('second')],
            ['b c', text('third')],
          ],
        ].map((init) => errorOf(() => new H(init))),
        log,
      ];
    });
  });

  test('look the same in a log, with the spelling of their names', async () => {
    await same(({ Headers: H }) => {
      const headers = new H({ 'X-B': '1', a: '2', 'Set-Cookie': 'x' });
      headers.append('x-b', '3');
      headers.set('A', '4');
      headers.append('set-cookie', 'y');
      return [inspect(headers), inspect({ headers }, { depth: 0 }), inspect([[[{ headers }]]]), inspect(new H())];
    });
    await same(({ Headers: H, Request: Q, Response: S }) => {
      const headers = new H({ 'X-B': '1', a: '2' });
      const copies = [new H(headers), new Q('http://a/', { headers }).clone().headers, new S('x', { headers }).clone().headers];
      headers.append('a', '3');
      return copies.map((copy) => inspect(copy));
    });
  });
});
