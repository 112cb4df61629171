// wsgi.errors of the gateways that stay.

import { expect, test } from 'vitest';
import { errorStream } from '../../src/gateway/error-stream.ts';

test('PEP 3333 #34 to #36: text arrives at once and in order, after what has to happen first', () => {
  const log: string[] = [];
  const errors = errorStream({ write: (text) => log.push(text) }, () => log.push('before'));
  errors.write('one\n');
  errors.writelines(['two\n', 'drei ü €\n']);
  errors.flush();
  expect(log).toEqual(['before', 'one\n', 'before', 'two\n', 'before', 'drei ü €\n']);
});

test('a log that fails is no failure of who writes', () => {
  const errors = errorStream({
    write() {
      throw new Error('the disk is full');
    },
  });
  expect(() => errors.write('lost')).not.toThrow();
});
