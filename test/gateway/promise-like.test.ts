// What the exchange takes for a promise.

import { expect, test } from 'vitest';
import { isPromiseLike } from '../../src/gateway/promise-like.ts';

const withThen = (then: unknown) => Object.fromEntries([['then', then]]);

test.each<[string, unknown, boolean]>([
  ['a promise', Promise.resolve(), true],
  ['an object with then()', withThen(() => {}), true],
  ['an object whose then is no method', withThen('later'), false],
  ['an object without', {}, false],
  ['null', null, false],
  ['a string', 'then', false],
  ['undefined', undefined, false],
])('%s', (_what, value, expected) => expect(isPromiseLike(value)).toBe(expected));
