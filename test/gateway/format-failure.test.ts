// Failures as the log shows them.

import { expect, test } from 'vitest';
import { ApplicationError, RequestError } from '../../src/errors.ts';
import { formatFailure } from '../../src/gateway/format-failure.ts';

test('a RequestError takes one line, an ApplicationError its code and its stack', () => {
  expect(formatFailure('cgi', new RequestError('client-gone', 'gone', 500))).toBe('cgi: RequestError [client-gone]: gone\n');
  const error = new ApplicationError('timeout', 'too long', 504);
  expect(formatFailure('scgi', error)).toBe(`scgi: [timeout] ${error.stack}\n`);
});

test('any other error is logged with its properties and its cause', () => {
  const error = Object.assign(new Error('no file', { cause: new Error('the cause') }), { path: '/a' });
  expect(formatFailure('cgi', error)).toMatch(/^cgi: Error: no file\n.*path: '\/a'.*Error: the cause/s);
});
