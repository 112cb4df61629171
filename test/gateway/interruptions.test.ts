// The errors that end a request from outside.

import { expect, test } from 'vitest';
import { ApplicationError, RequestError } from '../../src/errors.ts';
import { clientGone, isAborted, timedOut } from '../../src/gateway/interruptions.ts';

test('each interruption has a code, a status for the client and a message for the log', () => {
  const shown = [clientGone(), timedOut(250)].map((error) => [error.name, error.code, error.statusHint, error.message]);
  expect(shown).toEqual([
    ['RequestError', 'client-gone', 500, 'The client left'],
    ['ApplicationError', 'timeout', 504, 'The application took longer than its timeout of 250 ms'],
  ]);
});

test.each<[string, unknown, boolean]>([
  ['a client that has left', clientGone(), true],
  ['a signal', new RequestError('terminated', 'The script was ended by SIGTERM', 500), true],
  ['a timeout', timedOut(250), false],
  ['another fault of the request', new RequestError('body-too-large', 'too large', 413), false],
  ['a fault of the application', new ApplicationError('no-response', 'none'), false],
  ['an error of another kind with such a code', Object.assign(new Error('gone'), { code: 'client-gone' }), false],
  ['no error at all', undefined, false],
])('whether nobody waits for an answer any more: %s', (_what, error, expected) => {
  expect(isAborted(error)).toBe(expected);
});
