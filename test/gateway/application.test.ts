// The three forms of an application.

import { describe, expect, test } from 'vitest';
import { answering, response, run, SERVER_ERROR } from '../fakes.ts';

type Start = (status: string, headers: [string, string][], excInfo?: unknown) => (block: unknown) => void;

describe('PEP 3333 #2: the forms of an application', () => {
  test.each<[string, unknown]>([
    ['a function', answering('hi')],
    ['an async function', async (environ: unknown, start: never) => answering('hi')(environ, start)],
    [
      'a generator function',
      function* (_environ: unknown, start: Start) {
        start('200 OK', [['Content-Length', '2']]);
        yield 'hi';
      },
    ],
    [
      'an async generator function',
      async function* (_environ: unknown, start: Start) {
        start('200 OK', [['Content-Length', '2']]);
        yield 'hi';
      },
    ],
    [
      'an object with call()',
      {
        text: 'hi',
        call(this: { text: string }, _environ: unknown, start: Start) {
          start('200 OK', []);
          return this.text;
        },
      },
    ],
    [
      'a class of iterables',
      class {
        start: Start;
        constructor(_environ: unknown, start: Start) {
          this.start = start;
        }
        *[Symbol.iterator]() {
          this.start('200 OK', [['Content-Length', '2']]);
          yield 'hi';
        }
      },
    ],
    ['a promise in an iterable', answering([Promise.resolve('hi')])],
    [
      'an async iterable',
      answering(
        (async function* () {
          yield 'hi';
        })(),
        [['Content-Length', '2']],
      ),
    ],
  ])('%s', async (_what, application) => {
    expect((await run(application)).output).toBe(response('200 OK', ['Content-Length: 2'], 'hi'));
  });

  test.each<[unknown, string]>([
    [undefined, 'got undefined'],
    [{ fetch() {} }, 'got an object of Object'],
    ['module.js', 'got "module.js"'],
    [Object.create(null), 'got an object of no class'],
  ])('but not %o', async (application, message) => {
    const { output, errors } = await run(application);
    expect(output).toBe(SERVER_ERROR);
    const rule = 'An application must be a function, a class or an object with call(environ, startResponse)';
    expect(errors.split('\n')[0]).toBe(`cgi: [application-not-callable] ApplicationError: ${rule}, ${message}`);
  });

  test('PEP 3333 #1: it is called with two arguments by position', async () => {
    let count = 0;
    await run((...given: unknown[]) => {
      count = given.length;
      (given[1] as Start)('200 OK', []);
      return null;
    });
    expect(count).toBe(2);
  });
});
