import { describe, expect, test } from 'vitest';
import { RequestError } from '../../src/errors.ts';
import { catchExceptions } from '../../src/middleware/index.ts';
import { call } from '../../src/testing/index.ts';
import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { answering, checked, watched } from './applications.ts';

const TEXT: [string, string][] = [['Content-Type', 'text/plain']];
const throwing = (error: unknown) => () => {
  throw error;
};
const run = (application: Application, development = false) =>
  call(checked((inner) => catchExceptions(inner, { development }))(application));

describe('an error before the head has left', () => {
  test.each<[string, Application]>([
    ['in the call', throwing(new Error('its own'))],
    ['in a promise', async () => throwing(new Error('its own'))()],
    ['in the first step of a body', answering(() => watched([new Error('its own')]).body)],
    ['in that of an asynchronous one', answering(() => watched([new Error('its own')], true).body)],
    ['after an empty block', answering(() => watched(['', new Error('its own')]).body)],
    [
      'after a startResponse()',
      (_environ: Environ, startResponse: StartResponse) => {
        startResponse('200 OK', [...TEXT, ['X', 'gone']]);
        throw new Error('its own');
      },
    ],
  ])('%s is a bare page, and a stack in the log', async (_where, application) => {
    const response = await run(application);
    expect(response).toMatchObject({ status: '500 Internal Server Error', text: '500 Internal Server Error\n', complete: true });
    expect([...response.headers].slice(0, 1)).toEqual([['Content-Type', 'text/plain; charset=utf-8']]);
    expect(response.headers.has('X')).toBe(false);
    expect(response.errors).toMatch(/^Error: its own\n {4}at /);
    expect(response.errors.match(/its own/g)).toHaveLength(1);
  });

  test('in development the page is the stack', async () => {
    const { text, errors } = await run(throwing(new Error('its own')), true);
    expect(text).toMatch(/^Error: its own\n {4}at .*catch-exceptions\.test\.ts/);
    expect(text).toBe(errors);
  });

  test('NODE_ENV decides what is development', async () => {
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'development';
    try {
      expect((await call(catchExceptions(throwing(new Error('its own'))))).text).toContain('Error: its own');
    } finally {
      process.env.NODE_ENV = before;
    }
    expect((await call(catchExceptions(throwing(new Error('its own'))))).text).toBe('500 Internal Server Error\n');
  });

  test.each([undefined, null, 'a string', 0])('a thrown %j is answered, too', async (thrown) => {
    expect(await run(throwing(thrown))).toMatchObject({
      status: '500 Internal Server Error',
      errors: expect.stringContaining(String(thrown)),
    });
  });

  test('an error that knows its status keeps it', async () => {
    const response = await run(throwing(new RequestError('body-too-large', 'too large', 413)));
    expect(response).toMatchObject({ status: '413 Content Too Large', text: '413 Content Too Large\n' });
  });

  test('the body that failed is closed', async () => {
    const { body, seen } = watched([new Error('its own')]);
    await run(answering(body));
    expect(seen).toEqual(['left', 'closed']);
  });
});

test('PEP 3333 #76: nothing is appended to a body that has begun', async () => {
  const response = await run(
    answering(() => watched(['half', new Error('its own')]).body),
    true,
  );
  expect(response).toMatchObject({ status: '200 OK', text: 'half', complete: false });
  expect(response.errors).toMatch(/^test: Error: its own\n/);
});

test('a client that has left gets no page, and no line in the log', async () => {
  const gone = new RequestError('client-gone', 'The client left', 500);
  expect(await run(throwing(gone))).toMatchObject({ status: '', errors: '' });
});

test('an error of close() reaches the log', async () => {
  const body = { [Symbol.iterator]: () => ['x'].values(), close: throwing(new Error('at the end')) };
  expect(await run(answering(body))).toMatchObject({ text: 'x', errors: expect.stringContaining('Error: at the end') });
});
