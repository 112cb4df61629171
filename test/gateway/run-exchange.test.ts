// Exchanges of a gateway that stays: their time limit, and what is left of them.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Exchange } from '../../src/gateway/exchange.ts';
import { runExchange } from '../../src/gateway/run-exchange.ts';
import { Spool } from '../../src/gateway/spool.ts';
import type { Application, Environ } from '../../src/types.ts';
import { answering } from '../fakes.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An exchange that notes what is sent, with a request body that notes when it is closed. */
function exchangeOf(application: unknown) {
  const events: string[] = [];
  const sink = {
    start: (status: string) => void events.push(status),
    write() {},
    end: (complete: boolean) => void events.push(`end ${complete}`),
  };
  const exchange = new Exchange(application as Application, { REQUEST_METHOD: 'GET' } as Environ, sink, () => {});
  const body = new Spool();
  body.close = () => void events.push('body closed');
  return { exchange, body, events };
}

test('an exchange that ends at once returns no promise', () => {
  const { exchange, body, events } = exchangeOf(answering('x'));
  expect(runExchange(exchange, body, 1000)).toBeUndefined();
  expect(events).toEqual(['200 OK', 'end true', 'body closed']);
  expect(vi.getTimerCount()).toBe(0);
  expect(runExchange(exchangeOf(answering('x')).exchange, undefined, Infinity)).toBeUndefined();
});

test('a waiting exchange keeps its request body until it ends, and then no timer', async () => {
  let resolve!: (body: string) => void;
  const { exchange, body, events } = exchangeOf(async (environ: Environ, startResponse: never) => {
    const text = await new Promise<string>((settle) => {
      resolve = settle;
    });
    return answering(text)(environ, startResponse);
  });
  const finished = runExchange(exchange, body, 1000);
  expect([vi.getTimerCount(), events]).toEqual([1, []]);
  resolve('x');
  await finished;
  expect(events).toEqual(['200 OK', 'end true', 'body closed']);
  expect(vi.getTimerCount()).toBe(0);
});

test('an exchange that exceeds its timeout is answered with 504', async () => {
  const { exchange, body, events } = exchangeOf(() => new Promise(() => {}));
  const finished = runExchange(exchange, body, 1000);
  vi.advanceTimersByTime(999);
  expect(events).toEqual([]);
  vi.advanceTimersByTime(1);
  await finished;
  expect(events).toEqual(['504 Gateway Timeout', 'end true', 'body closed']);
});

test("a timeout too long for Node's timers does not end the exchange at once", async () => {
  const waiting = () => exchangeOf(() => new Promise(() => {}));
  const [never, late] = [waiting(), waiting()];
  runExchange(never.exchange, never.body, Infinity);
  expect(vi.getTimerCount()).toBe(0);
  const finished = runExchange(late.exchange, late.body, 2 ** 40);
  await vi.advanceTimersByTimeAsync(2 ** 31 - 2);
  expect(late.events).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  await finished;
  expect(late.events).toEqual(['504 Gateway Timeout', 'end true', 'body closed']);
});

test('an exchange without a timeout has no timer', async () => {
  const { exchange, events } = exchangeOf(async () => answering('x'));
  const finished = runExchange(exchange, undefined, Infinity);
  expect(vi.getTimerCount()).toBe(0);
  await finished;
  expect(events.at(-1)).toBe('end true');
});
