// Exchange.interrupt(): how a response is ended from outside.

import { describe, expect, test } from 'vitest';
import { ApplicationError, RequestError } from '../../src/errors.ts';
import { Exchange } from '../../src/gateway/exchange.ts';
import type { Sink } from '../../src/gateway/sink.ts';
import type { Application, Environ } from '../../src/types.ts';
import { answering, closable } from '../fakes.ts';

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

  test("before the head: the client gets the reason's status, and a body that comes late is closed", async () => {
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
    expect([exchange.isOver, exchange.hasFailed, exchange.hasResponded, exchange.interrupt(timeout)]).toEqual([true, true, true, false]);
  });

  test('an application that rejects after the interruption changes nothing', async () => {
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
    expect(exchange.hasFailed).toBe(false);
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

  test('while the application is on the call stack: the failure is answered at once', () => {
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

  test('while the application is on the call stack, and then waits for ever: the request ends all the same', async () => {
    const log: string[] = [];
    const seen: unknown[] = [];
    const next = () => {
      seen.push(exchange.isOver, exchange.hasResponded, exchange.hasFailed);
      seen.push(exchange.interrupt(timeout), exchange.hasResponded, exchange.hasFailed, exchange.interrupt(timeout));
      return never;
    };
    const exchange = exchangeOf(answering({ [Symbol.asyncIterator]: () => ({ next }) }), log);
    void exchange.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([false, false, false, true, true, true, false]);
    expect(log).toEqual(['log too long', 'start 504 Gateway Timeout 504 Gateway Timeout\n', 'end true']);
    expect(exchange.isOver).toBe(true);
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

  test('while the application is on the call stack, and then returns a body: the body is closed', async () => {
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

  test.each<[string, unknown, [string, string][], string[]]>([
    ['is too long', ['abcd'], [['Content-Length', '3']], ['start 200 OK abc', 'end true']],
    ['is too short', ['ab'], [['Content-Length', '3']], ['start 200 OK ab', 'end false']],
    ['has a block that is none', ['ab', 5], [], ['start 200 OK ab', 'end false']],
    ['is complete', ['ab', 'c'], [['Content-Length', '3']], ['start 200 OK ab', 'write c', 'end true']],
  ])('the sink learns whether the response is complete: a body that %s', async (_what, body, headers, calls) => {
    const log: string[] = [];
    await exchangeOf(answering(body, headers), log).start();
    expect(log.filter((call) => !call.startsWith('log '))).toEqual(calls);
  });

  test('a sink that fails at the end of a response is logged', async () => {
    const log: string[] = [];
    const exchange = exchangeOf(answering('x'), log, { end: Promise.reject(new Error('end failed')) });
    await exchange.start();
    expect(log).toEqual(['start 200 OK x', 'end true', 'log end failed']);
  });

  test('needsClose tells whether anything must run at the end', async () => {
    const nothing = exchangeOf(answering('x'), []);
    expect(nothing.needsClose).toBe(true); // nobody knows yet
    await nothing.start();
    expect(nothing.needsClose).toBe(false);
    const atTheEnd: boolean[] = [];
    const something: Exchange = exchangeOf(answering({ [Symbol.iterator]: () => ['x'].values(), close: () => {} }), [], {
      get start() {
        atTheEnd.push(something.needsClose);
        return undefined;
      },
    });
    await something.start();
    expect(atTheEnd).toEqual([true]);
  });
});
