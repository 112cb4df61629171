// wsgi.errors over a log.

import { expect, test } from 'vitest';
import { errorStream } from '../../src/gateway/error-stream.ts';

test('PEP 3333 #34 to #36: text arrives at once and in order', () => {
  const log: string[] = [];
  const errors = errorStream({ write: (text) => log.push(text) });
  errors.write('one\n');
  errors.writelines(['two\n', 'drei ü €\n']);
  errors.flush();
  expect(log).toEqual(['one\n', 'two\n', 'drei ü €\n']);
});

test('other values are written as text', () => {
  const log: string[] = [];
  const errors = errorStream({ write: (text) => log.push(text) });
  for (const value of [5, null, undefined, ['a', 'b']]) errors.write(value as never);
  expect(log).toEqual(['5', 'null', 'undefined', 'a,b']);
});

test('a log that fails does not fail the application that writes to it', () => {
  const log: string[] = [];
  const errors = errorStream({
    write(text) {
      log.push(text);
      throw new Error('the disk is full');
    },
  });
  errors.write('first');
  errors.writelines(['second', 'third']);
  expect(log).toEqual(['first', 'second', 'third']);
});
