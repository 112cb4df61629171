// One variable for several headers of one name.

import { expect, test } from 'vitest';
import { joinRepeated } from '../../src/environ/repeated-headers.ts';

test.each([
  ['HTTP_ACCEPT', 'a, b'],
  ['HTTP_COOKIE', 'a; b'],
  ['HTTP_COOKIE2', 'a, b'],
])('%s is %j', (variable, expected) => {
  expect(joinRepeated(variable, 'a', 'b')).toBe(expected);
});
