// What breaks a rule of SPEC.md: the validator reports it under the name of the rule.

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Application, ApplicationFunction, Environ, StartResponse } from '../../src/types.ts';
import { ContractError, validator } from '../../src/validator/index.ts';
import { answer, environ, GONE, hello, startResponse, TEXT } from './contract.ts';

type Body = Iterable<unknown> & { close(): unknown };
const serve = (changes: Record<string, unknown>) => validator(hello)(environ(changes), startResponse);
const begin = (application: Application = hello): Body => validator(application)(environ(), startResponse) as Body;

/** The violation that `action` throws. */
async function violation(action: () => unknown): Promise<ContractError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof ContractError) return error;
    throw error;
  }
  throw new Error('no rule was broken');
}

type Row = [rule: string, message: string, broken: () => unknown];

/** Runs a broken application to its end, under a server without fault. */
const by =
  (application: (environ: Environ, start: StartResponse) => unknown, changes: Record<string, unknown> = {}) =>
  async () => {
    const body = (await validator(application as ApplicationFunction)(environ(changes), startResponse)) as Body;
    if (typeof body !== 'object' || body === null || Array.isArray(body) || ArrayBuffer.isView(body)) return;
    try {
      for await (const _ of body);
    } finally {
      await body.close?.();
    }
  };
const reading = (read: (input: Environ['wsgi.input']) => unknown) =>
  by((environ, start) => {
    start('200 OK', [...TEXT]);
    read(environ['wsgi.input']);
    return '';
  });
const logging = (log: (errors: Environ['wsgi.errors']) => unknown) =>
  reading.call(null, () => {}) && by((environ) => log(environ['wsgi.errors']));
const giving = (input: object) => () =>
  validator((environ) => {
    const stream = environ['wsgi.input'];
    if ('all' in input) return void [...stream];
    stream.read(1);
    stream.readline();
    stream.readlines();
    return null;
  })(
    environ({
      'wsgi.input': {
        read: () => Buffer.alloc(0),
        readline: () => Buffer.alloc(0),
        readlines: () => [],
        [Symbol.iterator]: () => [].values(),
        [Symbol.asyncIterator]() {},
        ...input,
      },
    }),
    startResponse,
  );

const broken: { application: Row[]; server: Row[] } = {
  application: [
    ['input-size', 'wsgi.input.read() takes one integer or nothing, got "5"', reading((input) => input.read('5' as never))],
    [
      'input-size',
      'wsgi.input.readline() takes one integer or nothing, got 1, 2',
      reading((input) => input.readline(...([1, 2] as never as []))),
    ],
    ['input-size', 'wsgi.input.readlines() takes one integer or nothing, got 0.5', reading((input) => input.readlines(0.5))],
    [
      'input-after-end',
      'wsgi.input was read after the request had ended',
      async () => {
        let read = () => {};
        const body = begin((environ, start) => {
          read = () => environ['wsgi.input'].read();
          return hello(environ, start);
        });
        body.close();
        read();
      },
    ],
    ['input-close', "wsgi.input is the server's and must not be closed", reading((input) => (input as never as { close(): void }).close())],
    ['errors-text', 'wsgi.errors takes text, got 5', logging((errors) => errors.write(5 as never))],
    ['errors-text', 'wsgi.errors.write() takes one argument, got 0', logging((errors) => (errors as never as { write(): void }).write())],
    [
      'errors-text',
      'wsgi.errors takes text, got an object of Buffer',
      logging((errors) => errors.writelines(['a', Buffer.from('b') as never])),
    ],
    [
      'errors-close',
      "wsgi.errors is the server's and must not be closed",
      logging((errors) => (errors as never as { close(): void }).close()),
    ],
    [
      'start-arguments',
      'startResponse() takes two or three arguments, got 1',
      by((_environ, start) => (start as unknown as (status: string) => void)('200 OK')),
    ],
    [
      'start-twice',
      'startResponse() called twice; a second call needs excInfo',
      by((_environ, start) => {
        start('200 OK', [...TEXT]);
        start('200 OK', [...TEXT]);
      }),
    ],
    [
      'start-after-end',
      'startResponse() called after the request had ended',
      () => {
        let late = () => {};
        const body = begin((environ, start) => {
          late = () => start('500 Late', [], new Error('late'));
          return hello(environ, start);
        });
        body.close();
        late();
      },
    ],
    ['write-arguments', 'write() takes one block, got 0 arguments', by((_environ, start) => (start('200 OK', [...TEXT]) as () => void)())],
    [
      'write-while-iterating',
      'write() called from within the body; yield the block instead',
      by((_environ, start) => {
        const write = start('200 OK', [...TEXT]);
        return (function* () {
          write('a');
          yield 'b';
        })();
      }),
    ],
    [
      'write-after-end',
      'write() called after the request had ended',
      () => {
        let late = () => {};
        const body = begin((_environ, start) => {
          const write = start('200 OK', [...TEXT]);
          late = () => write('late');
          return { [Symbol.iterator]: () => ['x'].values(), close: () => {} };
        });
        body.close();
        late();
      },
    ],
    [
      'flush-after-end',
      'write.flushHeaders() called after the request had ended',
      () => {
        let late = () => {};
        const body = begin((_environ, start) => {
          const write = start('200 OK', [...TEXT]);
          late = () => write.flushHeaders?.();
          return { [Symbol.iterator]: () => ['x'].values(), close: () => {} };
        });
        body.close();
        late();
      },
    ],
    [
      'status-malformed',
      'Status must be three digits, one space and a reason in ISO-8859-1, like "200 OK", got "200"',
      by(answer('200', TEXT)),
    ],
    ['headers-not-a-list', 'Headers must be an array of [name, value] pairs, got an object of Object', by(answer('200 OK', {}))],
    ['header-name', `A header's name must be a token of RFC 9110 without ":", got "X:"`, by(answer('200 OK', [['X:', 'y']]))],
    ['header-value', 'The value of X cannot hold control characters, got "a\\nb"', by(answer('200 OK', [['X', 'a\nb']]))],
    [
      'header-hop-by-hop',
      `Hop-by-hop header "Connection" is not allowed; the connection is the web server's, leave the header out`,
      by(answer('200 OK', [['Connection', 'close']])),
    ],
    [
      'header-status',
      'Status cannot be a header; it is the first argument of startResponse()',
      by(answer('200 OK', [['Status', '200 OK']])),
    ],
    [
      'header-duplicate',
      'content-type can be set only once; its second value is "a/b"',
      by(answer('200 OK', [...TEXT, ['content-type', 'a/b']])),
    ],
    ['content-length-malformed', 'Content-Length must be digits, got "x"', by(answer('200 OK', [...TEXT, ['Content-Length', 'x']]))],
    [
      'header-name-portable',
      'Some servers lose the header "X-"; use letters, digits and "-"',
      by(answer('200 OK', [...TEXT, ['X-', 'y']])),
    ],
    [
      'content-type-forbidden',
      'A response with the status "204 No Content" must not have a Content-Type, got "text/plain"',
      by(answer('204 No Content', TEXT, null)),
    ],
    ['block-not-bytes', 'A block must be a Uint8Array or a string, got 5', by(answer('200 OK', TEXT, [5]))],
    ['block-not-bytes', 'A block must be a Uint8Array or a string, got null', by(answer('200 OK', TEXT, new Set([null])))],
    ['block-before-start', 'A block came before startResponse() was called', by(() => 'x')],
    [
      'block-before-start',
      'A block came before startResponse() was called',
      by(async function* () {
        yield 'x';
      }),
    ],
    ['content-type-missing', 'A response with a body must have a Content-Type', by(answer('200 OK', []))],
    ['body-forbidden', 'A response with the status 304 must not have a body', by(answer('304 Not Modified', [], ['', 'x']))],
    [
      'body-too-long',
      'The body is longer than its Content-Length of 1',
      by(answer('200 OK', [...TEXT, ['Content-Length', '1']], new Set(['a', 'ü']))),
    ],
    ['start-never', 'The application ended without having called startResponse()', by(() => null)],
    ['start-never', 'The application ended without having called startResponse()', by(() => [].values())],
    [
      'body-too-short',
      'The body ended after 1 of 3 bytes of its Content-Length',
      by(answer('200 OK', [...TEXT, ['content-length', '3']], ['a'])),
    ],
    ['body-not-iterable', 'A body must be a string, a Uint8Array or an iterable of them, got 5', by(answer('200 OK', TEXT, 5))],
  ],
  server: [
    [
      'call-arguments',
      'An application is called with environ and startResponse, got 1 arguments',
      () => (validator(hello) as (environ: Environ) => void)(environ()),
    ],
    ['call-start-response', 'startResponse must be a function, got "x"', () => validator(hello)(environ(), 'x' as never)],
    [
      'environ-object',
      'environ must be a plain object that can be changed, got an object of Map',
      () => validator(hello)(new Map() as never, startResponse),
    ],
    [
      'environ-object',
      'environ must be a plain object that can be changed, got an object of Object',
      () => validator(hello)(Object.freeze(environ()), startResponse),
    ],
    ...[
      ...['REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL', 'wsgi.version'],
      ...['wsgi.url_scheme', 'wsgi.input', 'wsgi.errors', 'wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once'],
    ].map((name): Row => ['environ-required', `environ must have ${name}`, () => serve({ [name]: GONE })]),
    ['environ-string', 'environ.X must be a byte string, got undefined', () => serve({ X: undefined })],
    ['environ-string', 'environ.X must be a byte string, got 5', () => serve({ X: 5 })],
    ['environ-string', 'environ.X must be a byte string, got "€"', () => serve({ X: '€' })],
    ['environ-method', 'REQUEST_METHOD must be a token, got ""', () => serve({ REQUEST_METHOD: '' })],
    ['environ-server', 'SERVER_NAME must not be empty and SERVER_PORT must be digits, got "" and "80"', () => serve({ SERVER_NAME: '' })],
    [
      'environ-server',
      'SERVER_NAME must not be empty and SERVER_PORT must be digits, got "127.0.0.1" and ""',
      () => serve({ SERVER_PORT: '' }),
    ],
    ['environ-protocol', 'SERVER_PROTOCOL must be like "HTTP/1.1", got "1.1"', () => serve({ SERVER_PROTOCOL: '1.1' })],
    ['environ-path', 'SCRIPT_NAME cannot be "/"; make it "" and PATH_INFO "/"', () => serve({ SCRIPT_NAME: '/' })],
    ['environ-path', 'SCRIPT_NAME must be empty or begin with "/", got "a"', () => serve({ SCRIPT_NAME: 'a' })],
    ['environ-path', 'PATH_INFO must be empty or begin with "/", got "a"', () => serve({ PATH_INFO: 'a' })],
    [
      'environ-path',
      'PATH_INFO must have no segment "." or "..", got "/a/../b"; resolve them first',
      () => serve({ PATH_INFO: '/a/../b' }),
    ],
    ['environ-path', 'PATH_INFO must have no segment "." or "..", got "/."; resolve them first', () => serve({ PATH_INFO: '/.' })],
    ['environ-path', 'SCRIPT_NAME and PATH_INFO are both empty; make PATH_INFO "/"', () => serve({ PATH_INFO: '' })],
    ['environ-body', 'CONTENT_LENGTH must be digits or absent, got ""', () => serve({ CONTENT_LENGTH: '' })],
    ['environ-body', 'CONTENT_LENGTH must be digits or absent, got "-1"', () => serve({ CONTENT_LENGTH: '-1' })],
    ['environ-body', 'CONTENT_TYPE must not be empty; leave it out', () => serve({ CONTENT_TYPE: '' })],
    ['environ-body', 'environ must not have HTTP_CONTENT_TYPE; it is CONTENT_TYPE', () => serve({ HTTP_CONTENT_TYPE: 'a/b' })],
    ['environ-proxy', 'environ must not have HTTP_PROXY, which any client can set', () => serve({ HTTP_PROXY: 'http://x' })],
    ['environ-version', 'wsgi.version must be [1, 0], got an array of 2', () => serve({ 'wsgi.version': [2, 0] })],
    ['environ-version', 'wsgi.version must be [1, 0], got "1,0"', () => serve({ 'wsgi.version': '1,0' })],
    ['environ-scheme', 'wsgi.url_scheme must be "http" or "https", got "ftp"', () => serve({ 'wsgi.url_scheme': 'ftp' })],
    ['environ-flags', 'wsgi.multithread must be true or false, got 0', () => serve({ 'wsgi.multithread': 0 })],
    ['environ-flags', 'wsgi.multiprocess must be true or false, got 0', () => serve({ 'wsgi.multiprocess': 0 })],
    ['environ-flags', 'wsgi.run_once must be true or false, got 0', () => serve({ 'wsgi.run_once': 0 })],
    ['environ-flags', 'wsgi.input_terminated must be true or absent, got false', () => serve({ 'wsgi.input_terminated': false })],
    ['environ-streams', 'wsgi.input must have the method read', () => serve({ 'wsgi.input': {} })],
    ['environ-streams', 'wsgi.input must have the method Symbol(Symbol.asyncIterator)', giving({ [Symbol.asyncIterator]: 5 })],
    ['environ-streams', 'wsgi.errors must have the method write', () => serve({ 'wsgi.errors': null })],
    ['environ-file-wrapper', 'wsgi.file_wrapper must be a function or absent, got true', () => serve({ 'wsgi.file_wrapper': true })],
    ['input-bytes', 'wsgi.input.read(1) must return bytes, and at most so many, got ""', giving({ read: () => '' })],
    ['input-bytes', 'wsgi.input.read(1) must return bytes, and at most so many, got 2', giving({ read: () => Buffer.alloc(2) })],
    ['input-bytes', 'wsgi.input.readline() must give one line', giving({ readline: () => Buffer.from('a\nb') })],
    ['input-bytes', 'wsgi.input.readlines() must give an array, got ""', giving({ readlines: () => '' })],
    ['input-bytes', 'wsgi.input.readlines() must give one line', giving({ readlines: () => [Buffer.from('a\nb\n')] })],
    [
      'input-iteration',
      'Iterating over wsgi.input must give no empty line',
      giving({ all: true, [Symbol.iterator]: () => [Buffer.alloc(0)].values() }),
    ],
    [
      'start-too-late',
      'startResponse() with excInfo must throw it when the head has left',
      () =>
        begin((_environ, start) => {
          void start('200 OK', [...TEXT])('x');
          start('500 Oh', [...TEXT], new Error('oh'));
          return '';
        }),
    ],
    ['start-returns-write', 'startResponse() must return write(), got undefined', () => validator(hello)(environ(), (() => {}) as never)],
    [
      'write-returns',
      'write() must return undefined or a promise, got true',
      () =>
        validator((_environ, start) => {
          void start('200 OK', [...TEXT])('x');
          return '';
        })(environ(), () => (() => true) as never),
    ],
    [
      'start-too-late',
      'startResponse() with excInfo must throw it when the head has left',
      () =>
        begin((_environ, start) => {
          void start('200 OK', [...TEXT]).flushHeaders?.();
          start('500 Oh', [...TEXT], new Error('oh'));
          return '';
        }),
    ],
    [
      'flush-returns',
      'write.flushHeaders() must return undefined or a promise, got true',
      () =>
        validator((_environ, start) => {
          void start('200 OK', [...TEXT]).flushHeaders?.();
          return '';
        })(environ(), () => Object.assign(() => {}, { flushHeaders: (() => true) as never })),
    ],
    [
      'iterate-once',
      'A body was iterated over twice',
      () => {
        const body = begin();
        body[Symbol.iterator]();
        body[Symbol.iterator]();
      },
    ],
    [
      'iterate-in-turn',
      'A block was asked for before the last had come, or after the end',
      () => {
        const iterator = begin()[Symbol.iterator]();
        for (let count = 0; count < 4; count++) iterator.next();
      },
    ],
    [
      'iterate-in-turn',
      'A block was asked for before the last had come, or after the end',
      () => {
        const body = begin(async function* (_environ: Environ, start: StartResponse) {
          start('200 OK', [...TEXT]);
          yield 'x';
        } as never) as never as AsyncIterable<string>;
        const iterator = body[Symbol.asyncIterator]();
        void iterator.next();
        return iterator.next();
      },
    ],
    [
      'iterate-after-close',
      'A block was asked for after close()',
      () => {
        const body = begin();
        body.close();
        body[Symbol.iterator]().next();
      },
    ],
    [
      'close-once',
      'close() was called twice',
      () => {
        const body = begin();
        body.close();
        body.close();
      },
    ],
  ],
};

const rows = Object.entries(broken).flatMap(([side, rows]) => rows.map(([rule, message, action]) => ({ side, rule, message, action })));

test.each(rows)("the $side's $rule: $message", async ({ side, rule, message, action }) => {
  const error = await violation(action);
  expect({ code: error.code, side: error.side, message: error.message }).toEqual({
    code: rule,
    side,
    message: `${message} (${side}'s duty, SPEC.md ${rule})`,
  });
});

test('every rule of SPEC.md is broken here at least once', () => {
  const spec = readFileSync(new URL('../../SPEC.md', import.meta.url), 'utf8');
  const rules = [...spec.matchAll(/^- \*\*`([a-z-]+)`\*\*/gm)].map(([, name]) => name);
  expect(new Set(rules)).toEqual(new Set([...rows.map(({ rule }) => rule), 'close-never']));
});

test('close-never: a body that was never closed is reported to wsgi.errors when it is collected', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const said = await new Promise<string>((resolve) => {
    const errors = { write: resolve, writelines() {}, flush() {} };
    (() => void validator(hello)(environ({ 'wsgi.errors': errors }), startResponse))();
    const timer = setInterval(collect, 10);
    void Promise.resolve(timer).then(() => setTimeout(() => clearInterval(timer), 5000).unref());
  });
  expect(said).toBe("A body was never closed (server's duty, SPEC.md close-never)\n");
});
