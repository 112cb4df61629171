import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApplicationError, RequestError } from '../../src/errors.ts';
import { runCoroutine } from '../../src/gateway/coroutine.ts';
import { Exchange } from '../../src/gateway/exchange.ts';
import type { Sink } from '../../src/gateway/sink.ts';
import type { Application, Environ } from '../../src/types.ts';
import { answering, closable, response, run, SERVER_ERROR } from '../fakes.ts';

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
    expect(errors).toContain(`[application-not-callable] ApplicationError: An application must be a function, a class or`);
    expect(errors).toContain(message);
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

describe('the body', () => {
  test.each<[string, () => unknown]>([
    ['a number', () => 5],
    ['a plain object', () => ({ body: 'x' })],
    ['a symbol', () => Symbol('x')],
  ])('%s is refused', async (_what, body) => {
    const { output, errors } = await run(answering(body()));
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toContain('[body-not-iterable]');
  });

  test('PEP 3333 #67: a block that is neither bytes nor text ends the response', async () => {
    const { output, errors } = await run(answering(['fine', 5]));
    expect(output).toBe(response('200 OK', [], 'fine'));
    expect(errors).toContain('[block-not-bytes] ApplicationError: A block must be a Uint8Array or a string, got 5');
  });

  test('PEP 3333 #59: each block is handed on before the next is asked for', async () => {
    const events: string[] = [];
    await run(
      answering(
        (function* () {
          for (const block of ['a', 'b']) {
            events.push(`asked ${block}`);
            yield block;
          }
        })(),
      ),
      {
        options: {
          stdout: {
            write: async (bytes) => {
              await null;
              events.push(`sent ${Buffer.from(bytes).toString().slice(-1)}`);
            },
          },
        },
      },
    );
    expect(events).toEqual(['asked a', 'sent a', 'asked b', 'sent b']);
  });

  test('PEP 3333 #60: bytes pass unaltered', async () => {
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const { output } = await run(answering([every, every]));
    expect(output.slice('Status: 200 OK\r\n\r\n'.length)).toBe(Buffer.concat([every, every]).toString('latin1'));
  });

  test('a synchronous application is done when the call returns', () => {
    let output = '';
    void run(answering('x'), {
      options: {
        stdout: {
          write: (bytes: Uint8Array) => {
            output += Buffer.from(bytes);
          },
        },
      },
    });
    expect(output).toBe(response('200 OK', ['Content-Length: 1'], 'x'));
  });

  test('however a body is cut into blocks, kinds of blocks and promises, the same bytes come out', async () => {
    const block = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array());
    await fc.assert(
      fc.asyncProperty(fc.array(block), fc.constantFrom('array', 'generator', 'async', 'promises'), async (blocks, how) => {
        const bodies = {
          array: () => blocks,
          generator: () =>
            (function* () {
              yield* blocks;
            })(),
          async: () =>
            (async function* () {
              yield* blocks;
            })(),
          promises: () => blocks.map(async (one) => one),
        };
        const { output } = await run(answering(bodies[how]()));
        const body = Buffer.concat(blocks.map((one) => Buffer.from(one as string)));
        expect(output.slice(output.indexOf('\r\n\r\n') + 4)).toBe(body.toString('latin1'));
      }),
    );
  });
});

describe('PEP 3333 #66: close() is called once', () => {
  const bodies: [string, (log: string[]) => Iterable<unknown> | AsyncIterable<unknown>][] = [
    ['after a body', () => ['a']],
    ['after an empty one', () => []],
    [
      'after a body that throws',
      () =>
        (function* () {
          yield 'a';
          throw new Error('middle');
        })(),
    ],
    [
      'after one that throws at once',
      () => ({
        [Symbol.iterator]() {
          throw new Error('at once');
        },
      }),
    ],
    [
      'after an asynchronous one',
      () =>
        (async function* () {
          yield 'a';
        })(),
    ],
    [
      'after one that rejects',
      () =>
        (async function* () {
          yield 'a';
          throw new Error('middle');
        })(),
    ],
    ['after one of wrong blocks', () => [5]],
  ];
  test.each(bodies)('%s', async (_when, make) => {
    const body = closable(make([]));
    await run(answering(body));
    expect(body.closed).toBe(1);
  });

  test('when startResponse() was never called', async () => {
    const body = closable(['x']);
    const { output } = await run(() => body);
    expect([output, body.closed]).toEqual([SERVER_ERROR, 1]);
  });

  test('when the client has left, which is no failure; and a generator is told to return()', async () => {
    const events: string[] = [];
    const body = (function* () {
      try {
        for (;;) yield 'x';
      } finally {
        events.push('returned');
      }
    })();
    const { errors } = await run(answering(Object.assign(body, { close: () => events.push('closed') })), {
      options: {
        stdout: {
          write() {
            throw new RequestError('client-gone', 'gone', 500);
          },
        },
      },
    });
    expect(events).toEqual(['returned', 'closed']);
    expect(errors).toBe('');
  });

  test('and awaited, with the response out before', async () => {
    const events: string[] = [];
    const body = {
      ...['x'],
      [Symbol.iterator]: () => ['x'].values(),
      close: async () => {
        await null;
        events.push('closed');
      },
    };
    await run(answering(body), {
      options: {
        stdout: {
          write: () => {
            events.push('sent');
          },
        },
      },
    });
    expect(events).toEqual(['sent', 'closed']);
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('from close()');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('from close()');
      },
    ],
  ])('and if it %s, that is logged', async (_what, close) => {
    const { output, errors } = await run(answering({ [Symbol.iterator]: () => ['x'].values(), close }));
    expect(output).toBe(response('200 OK', [], 'x'));
    expect(errors).toContain('Error: from close()');
  });

  test('a generator that is not finished is told to return(), one that threw is not', async () => {
    const returned: string[] = [];
    const iterator = (name: string, next: () => unknown) => ({
      [Symbol.iterator]: () => ({
        next,
        return: () => {
          returned.push(name);
          return { done: true };
        },
      }),
    });
    await run(
      answering(
        iterator('stopped', () => ({ value: 'abc' })),
        [['Content-Length', '3']],
      ),
    );
    await run(answering(iterator('ended', () => ({ done: true }))));
    await run(
      answering(
        iterator('threw', () => {
          throw new Error('next');
        }),
      ),
    );
    await run(
      answering(
        iterator('rejected', async () => {
          throw new Error('next');
        }),
      ),
    );
    expect(returned).toEqual(['stopped']);
  });
});

describe('failures, RFC 3875 #15: always an answer', () => {
  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('secret');
      },
    ],
    [
      'throws something else',
      () => {
        throw { secret: 'secret' };
      },
    ],
  ])('PEP 3333 #75, #78: an application that %s is logged, and the client learns nothing', async (_what, application) => {
    const { output, errors } = await run(application);
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toMatch(/^cgi: .*secret/s);
  });

  test('PEP 3333 #76: after the head the response ends short, and nothing is glued on', async () => {
    const { output, errors } = await run(
      answering(
        (function* () {
          yield 'half';
          throw new Error('cause');
        })(),
      ),
    );
    expect(output).toBe(response('200 OK', [], 'half'));
    expect(errors).toContain('Error: cause');
  });

  test('what was set is not sent with the failure', async () => {
    const { output } = await run((_environ: unknown, start: Start) => {
      start('200 OK', [['Set-Cookie', 'a=1']]);
      throw new Error();
    });
    expect(output).toBe(SERVER_ERROR);
  });

  test('a RequestError of the input is answered with its own status, and logged in one line', async () => {
    const { output, errors } = await run((environ: Environ) => environ['wsgi.input'].read(), {
      body: 'abc',
      environ: { CONTENT_LENGTH: '5' },
    });
    expect(output).toBe(response('400 Bad Request', ['Content-Type: text/plain', 'Content-Length: 16'], '400 Bad Request\n'));
    expect(errors).toBe('cgi: RequestError [body-ended-early]: The request body ended after 3 of 5 bytes; the client has probably left\n');
  });

  test('an error that cannot be shown is logged all the same', async () => {
    const error = new ApplicationError('timeout', 'x');
    Object.defineProperty(error, 'stack', {
      get() {
        throw new Error();
      },
    });
    const { errors } = await run(() => {
      throw error;
    });
    expect(errors).toBe('cgi: [timeout] an error that cannot be shown\n');
  });

  test('a sink that fails while the failure is answered is logged', async () => {
    const { errors } = await run(
      () => {
        throw new Error('first');
      },
      {
        options: {
          stdout: {
            write() {
              throw new Error('second');
            },
          },
        },
      },
    );
    expect(errors).toContain('Error: first');
    expect(errors).toContain('Error: second');
  });
});

/** A sink whose calls are seen, and one that can be made to wait. */
function sink(log: string[], wait: { start?: Promise<void>; end?: Promise<void> | undefined } = {}): Sink {
  return {
    start: (status, _headers, block) => {
      log.push(`start ${status} ${block ?? ''}`);
      return wait.start;
    },
    write: (block) => {
      log.push(`write ${block}`);
    },
    end: (complete) => {
      log.push(`end ${complete}`);
      return wait.end;
    },
  };
}

function exchangeOf(application: unknown, log: string[], wait = {}) {
  const environ = { REQUEST_METHOD: 'GET' } as Environ;
  return new Exchange(application as Application, environ, sink(log, wait), (error) => log.push(`log ${(error as Error).message}`));
}

describe('interrupt()', () => {
  const never = new Promise<never>(() => {});
  const timeout = new ApplicationError('timeout', 'too long', 504);

  test('before the head: the status of the reason, and a body that comes late is closed', async () => {
    const log: string[] = [];
    let resolve!: (body: unknown) => void;
    const exchange = exchangeOf(
      () =>
        new Promise((settle) => {
          resolve = settle;
        }),
      log,
    );
    const finished = exchange.start();
    expect(exchange.interrupt(timeout)).toBe(true);
    await finished;
    resolve({ close: () => log.push('closed late') });
    await null;
    await null;
    expect(log).toEqual(['log too long', 'start 504 Gateway Timeout 504 Gateway Timeout\n', 'end true', 'closed late']);
    expect([exchange.over, exchange.failed, exchange.responded, exchange.interrupt(timeout)]).toEqual([true, true, true, false]);
  });

  test("an application that rejects late is nobody's business", async () => {
    const log: string[] = [];
    let reject!: (reason: unknown) => void;
    const exchange = exchangeOf(
      () =>
        new Promise((_, settle) => {
          reject = settle;
        }),
      log,
    );
    const finished = exchange.start();
    exchange.interrupt(new RequestError('terminated', 'x', 500));
    await finished;
    reject(new Error('late'));
    await null;
    expect(log).toEqual(['end false']);
    expect(exchange.failed).toBe(false);
  });

  test('in a generator that waits for ever: close() runs, and return() is not waited for', async () => {
    const log: string[] = [];
    const body = closable(
      (async function* () {
        yield 'a';
        await never;
      })(),
    );
    const exchange = exchangeOf(answering(body), log);
    const finished = exchange.start();
    await new Promise((resume) => setTimeout(resume, 5));
    exchange.interrupt(timeout);
    await finished;
    expect(log).toEqual(['start 200 OK a', 'log too long', 'end false']);
    expect(body.closed).toBe(1);
  });

  test('while the application is on the call stack: what can be done at once is done at once', () => {
    const log: string[] = [];
    const exchange = exchangeOf(() => {
      exchange.interrupt(new ApplicationError('exited-early', 'exit'));
      log.push('returned from interrupt()');
      return null;
    }, log);
    void exchange.start();
    expect(log.slice(0, 4)).toEqual([
      'log exit',
      'start 500 Internal Server Error 500 Internal Server Error\n',
      'end true',
      'returned from interrupt()',
    ]);
  });

  test('while a failure is being answered: it is logged, and the response ended', async () => {
    const log: string[] = [];
    const exchange = exchangeOf(
      () => {
        throw new Error('first');
      },
      log,
      { start: never },
    );
    const finished = exchange.start();
    exchange.interrupt(new Error('second'));
    await finished;
    expect(log).toEqual(['log first', 'start 500 Internal Server Error 500 Internal Server Error\n', 'log second', 'end true']);
  });

  test('while the application is on the call stack, and it returns a body all the same: that is closed', async () => {
    const body = closable(['x']);
    const exchange = exchangeOf(() => {
      exchange.interrupt(new RequestError('terminated', 'x', 500));
      return body;
    }, []);
    await exchange.start();
    expect(body.closed).toBe(1);
  });

  test('a client that leaves while a failure is answered is not another failure', async () => {
    const log: string[] = [];
    const exchange = exchangeOf(
      () => {
        throw new Error('first');
      },
      log,
      { start: Promise.reject(new RequestError('client-gone', 'gone', 500)) },
    );
    await exchange.start();
    expect(log).toEqual(['log first', 'start 500 Internal Server Error 500 Internal Server Error\n', 'end true']);
  });

  test('a sink that fails at the end of a response is logged', async () => {
    const log: string[] = [];
    const exchange = exchangeOf(answering('x'), log, { end: Promise.reject(new Error('end failed')) });
    await exchange.start();
    expect(log).toEqual(['start 200 OK x', 'end true', 'log end failed']);
  });

  test('mayClose tells whether anything must run at the end', async () => {
    const nothing = exchangeOf(answering('x'), []);
    expect(nothing.mayClose).toBe(true); // nobody knows yet
    await nothing.start();
    expect(nothing.mayClose).toBe(false);
    const atTheEnd: boolean[] = [];
    const something: Exchange = exchangeOf(answering({ [Symbol.iterator]: () => ['x'].values(), close: () => {} }), [], {
      get start() {
        atTheEnd.push(something.mayClose);
        return undefined;
      },
    });
    await something.start();
    expect(atTheEnd).toEqual([true]);
  });
});

describe('asynchronous sinks', () => {
  test('heads, blocks, ends and excess are waited for', async () => {
    const chunks: string[] = [];
    const options = {
      stdout: {
        write: async (bytes: Uint8Array) => {
          await null;
          chunks.push(Buffer.from(bytes).toString());
        },
      },
    };
    await run(answering('whole'), { options });
    await run(answering(null), { options });
    await run(answering(null, [['Content-Length', '2']]), { options });
    const { errors } = await run(answering(['ab', 'cd'], [['Content-Length', '3']]), { options });
    await run(
      (_environ: unknown, start: Start) => {
        start('200 OK', [])('w');
        return null;
      },
      { options },
    );
    await run(answering('y'.repeat(70_000)), { options });
    expect(chunks.slice(0, 6)).toEqual([
      response('200 OK', ['Content-Length: 5'], 'whole'),
      response('200 OK', ['Content-Length: 0']),
      response('200 OK', ['Content-Length: 2']),
      response('200 OK', ['Content-Length: 3'], 'ab'),
      'c',
      response('200 OK', [], 'w'),
    ]);
    expect(chunks.slice(6).join('').length).toBe(response('200 OK', ['Content-Length: 70000']).length + 70_000);
    expect(errors).toContain('[body-too-long]');
  });
});

describe('run()', () => {
  test('rejects when the computation throws, and what settles after an interruption changes nothing', async () => {
    await expect(
      // biome-ignore lint/correctness/useYield: this computation has nothing to wait for
      rejecting(function* (): Generator<PromiseLike<unknown>, void> {
        throw new Error('thrown');
      }),
    ).rejects.toThrow('thrown');
    const late = [Promise.resolve('late'), Promise.reject(new Error('late'))];
    for (const promise of late) {
      const computation = runCoroutine(
        (function* (): Generator<PromiseLike<unknown>, string> {
          try {
            yield promise;
          } catch (reason) {
            return String(reason);
          }
          return 'resumed';
        })(),
      );
      expect(computation.interrupt('interrupted')).toBe(true);
      expect(computation.interrupt('again')).toBe(false);
      expect(await computation.finished).toBe('interrupted');
    }
  });
});

function rejecting(steps: () => Generator<PromiseLike<unknown>, void>): Promise<void> {
  return runCoroutine(steps()).finished;
}

test('PEP 3333 #66: a body that comes while the answer in its place is still on its way is closed, too', async () => {
  let deliver: (body: unknown) => void = () => {};
  let sent = () => {};
  const application = () =>
    new Promise((resolve) => {
      deliver = resolve;
    });
  const slow: Sink = {
    start: () =>
      new Promise((resolve) => {
        sent = resolve;
      }),
    write() {},
    end() {},
  };
  const exchange = new Exchange(application as Application, { REQUEST_METHOD: 'GET' } as Environ, slow, () => {});
  const finished = exchange.start();
  exchange.interrupt(new ApplicationError('timeout', 'too late', 504));
  const body = closable(['late']);
  deliver(body);
  await Promise.resolve();
  sent();
  await finished;
  expect(body.closed).toBe(1);
});
