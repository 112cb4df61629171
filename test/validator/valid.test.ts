// What keeps the rules of SPEC.md passes the validator unchanged.

import { describe, expect, test } from 'vitest';
import { call } from '../../src/testing/index.ts';
import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { type ContractError, validator } from '../../src/validator/index.ts';
import { run } from '../fakes.ts';
import { answer, environ, hello, startResponse, TEXT } from './contract.ts';

const fail = () => {
  throw new Error('its own');
};

describe('applications that keep the rules', () => {
  class Page {
    *[Symbol.iterator]() {
      yield 'a page';
    }
    constructor(_environ: Environ, start: StartResponse) {
      start('200 OK', [...TEXT]);
    }
  }
  const generator = (_environ: Environ, start: StartResponse) => {
    start('200 OK', [...TEXT]);
    return (async function* () {
      yield 'a';
      yield Buffer.from('b');
    })();
  };
  test.each<[string, unknown]>([
    ['text', answer('200 OK', TEXT, 'ü')],
    ['bytes', answer('200 OK', TEXT, Buffer.from('x'))],
    ['one block, whose length the server may trust', answer('200 OK', TEXT, ['x'])],
    ['no body', answer('204 No Content', [], null)],
    ['a redirect', answer('302 Found', [['Location', '/']], null)],
    ['a relative one', answer('303 See Other', [['Location', '?a']], null)],
    ['a promise', async (environ: Environ, start: StartResponse) => answer('200 OK', TEXT)(environ, start)],
    ['a class', Page],
    ['an object', { call: hello }],
    ['a generator', hello],
    ['an asynchronous one', generator],
    ['write()', (_environ: Environ, start: StartResponse) => void start('200 OK', [...TEXT])('written')],
    [
      'a second thought',
      (_environ: Environ, start: StartResponse) => {
        start('200 OK', [...TEXT]);
        start('500 Oh', [...TEXT], new Error('oh'));
        return 'oh';
      },
    ],
    [
      'all of the input',
      async (environ: Environ, start: StartResponse) => {
        const input = environ['wsgi.input'];
        const parts = [input.read(2), input.readline(), ...input.readlines(1), ...input];
        for await (const block of input) parts.push(block);
        start('200 OK', [...TEXT]);
        environ['wsgi.errors'].write('a');
        environ['wsgi.errors'].writelines(['b', 'c\n']);
        environ['wsgi.errors'].flush();
        return Buffer.concat(parts);
      },
    ],
    [
      'asynchronous input',
      async (environ: Environ, start: StartResponse) => {
        start('200 OK', [...TEXT]);
        const parts: Buffer[] = [];
        for await (const block of environ['wsgi.input']) parts.push(block);
        return Buffer.concat(parts);
      },
    ],
    [
      'a file',
      (environ: Environ, start: StartResponse) => {
        start('200 OK', [...TEXT]);
        const blocks = ['a', 'b', ''];
        return environ['wsgi.file_wrapper']({ read: () => blocks.shift() });
      },
    ],
  ])('%s passes unchanged', async (_what, application) => {
    const request = { body: 'one\ntwo\nthree\nfour' };
    expect(await run(validator(application as Application), request)).toEqual(await run(application, request));
    expect((await run(application, request)).errors).not.toContain('[');
  });

  test('a HEAD may have a Content-Length and no body', async () => {
    const response = await call(validator(answer('200 OK', [...TEXT, ['Content-Length', '5']], null) as Application), { method: 'HEAD' });
    expect([response.status, response.errors]).toEqual(['200 OK', '']);
  });

  test.each([
    ['of an iterator', { next: () => fail() }],
    ['of an asynchronous iterator', { next: async () => fail() }],
    ['of close()', { next: () => ({ done: true, value: undefined }), close: async () => fail() }],
  ])("the application's own error passes: %s", async (_where, iterator) => {
    const body = { ...iterator, [Symbol.iterator]: () => iterator };
    const { errors } = await call(validator(answer('200 OK', TEXT, body) as Application));
    expect(errors).toMatch(/^test: Error: its own\n/);
  });

  test('return() and close() of a body that the server leaves early are called', async () => {
    const seen: string[] = [];
    const body = {
      *[Symbol.iterator]() {
        try {
          yield 'a';
          yield 'b';
        } finally {
          seen.push('returned');
        }
      },
      close: () => seen.push('closed'),
    };
    await call(validator(answer('200 OK', [...TEXT, ['Content-Length', '1']], body) as Application));
    expect(seen).toEqual(['returned', 'closed']);
  });
});

test('with the option report, every violation is reported and the request goes on', async () => {
  const reported: string[] = [];
  const report = ({ code }: ContractError) => reported.push(code);
  const { output } = await run(validator(answer('200 OK', [], ['x']) as Application, { report }));
  expect(reported).toEqual(['content-type-missing']);
  expect(output).toBe('Status: 200 OK\r\nContent-Length: 1\r\n\r\nx');
  validator(answer('no', 'headers', [5, 'x']) as Application, { report })({ ...environ(), 'wsgi.input': 5 } as never, startResponse);
  expect(reported.slice(1)).toEqual([
    ...Array(5).fill('environ-streams'),
    'status-malformed',
    'headers-not-a-list',
    'block-not-bytes',
    'content-type-missing',
  ]);
});
