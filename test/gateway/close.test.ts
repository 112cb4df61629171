// close() of the application's body, however the request ends.

import { describe, expect, test } from 'vitest';
import { ApplicationError, RequestError } from '../../src/errors.ts';
import { Exchange } from '../../src/gateway/exchange.ts';
import type { Sink } from '../../src/gateway/sink.ts';
import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { answering, closable, response, run, SERVER_ERROR } from '../fakes.ts';

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

  test('close() is awaited, after the response has been sent', async () => {
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

  test('return() of an unfinished generator is called, and not that of one that threw', async () => {
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

test('PEP 3333 #66: a body that arrives while the gateway sends an error in its place is closed, too', async () => {
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

test('a body with a close that is no function is sent like any other', async () => {
  const { output, errors } = await run({ call: answering({ close: 'no method', [Symbol.iterator]: () => ['x'].values() }) });
  expect([output, errors]).toEqual([response('200 OK', [], 'x'), '']);
});

describe('a generator that is not finished', () => {
  const slowly = (events: string[], body: (string | Uint8Array)[]) =>
    (async function* () {
      try {
        yield* body;
      } finally {
        await new Promise((resolve) => setTimeout(resolve, 5));
        events.push('returned');
      }
    })();

  test('the gateway waits for return() of an asynchronous generator', async () => {
    const events: string[] = [];
    await run(answering(slowly(events, ['abc', 'never']), [['Content-Length', '3']]));
    expect(events).toEqual(['returned']);
  });

  test('the gateway waits for return() also when the head of a HEAD was flushed and no block was asked for', async () => {
    const events: string[] = [];
    const iterator = {
      next: () => events.push('asked'),
      return: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        events.push('returned');
      },
    };
    await run(
      (_environ: unknown, startResponse: StartResponse) => {
        void startResponse('200 OK', []).flushHeaders?.();
        return { [Symbol.iterator]: () => iterator };
      },
      { method: 'HEAD' },
    );
    expect(events).toEqual(['returned']);
  });
});
