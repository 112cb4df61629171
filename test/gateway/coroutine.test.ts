// Coroutines, which wait only for the promises that they yield.

import { describe, expect, test } from 'vitest';
import { runCoroutine } from '../../src/gateway/coroutine.ts';

const never = new Promise<never>(() => {});

describe('runCoroutine()', () => {
  test('a coroutine without promises has ended when runCoroutine() returns, and cannot be interrupted', async () => {
    const { finished, interrupt } = runCoroutine(
      // biome-ignore lint/correctness/useYield: that is what is tested
      (function* () {
        return 5;
      })(),
    );
    expect(interrupt(new Error('too late'))).toBe(false);
    expect(await finished).toBe(5);
  });

  test('a coroutine that throws, before or behind a promise, rejects', async () => {
    const early = runCoroutine(
      // biome-ignore lint/correctness/useYield: that is what is tested
      (function* (): Generator<PromiseLike<unknown>, void> {
        throw new Error('early');
      })(),
    );
    expect(early.interrupt(new Error('too late'))).toBe(false);
    await expect(early.finished).rejects.toThrow('early');
    const late = runCoroutine(
      (function* () {
        yield Promise.resolve();
        throw new Error('late');
      })(),
    );
    await expect(late.finished).rejects.toThrow('late');
  });

  test('an interruption is thrown once, where the coroutine waits', async () => {
    const seen: unknown[] = [];
    const { finished, interrupt } = runCoroutine(
      (function* () {
        try {
          yield never;
        } catch (error) {
          seen.push(error);
        }
        return 'done';
      })(),
    );
    expect(interrupt('now')).toBe(true);
    expect(interrupt('again')).toBe(false);
    expect([await finished, seen]).toEqual(['done', ['now']]);
  });

  test('a promise that settles after the interruption is ignored', async () => {
    const late = [Promise.resolve('late'), Promise.reject(new Error('late'))];
    for (const promise of late) {
      const { finished, interrupt } = runCoroutine(
        (function* (): Generator<PromiseLike<unknown>, string> {
          try {
            yield promise;
          } catch (reason) {
            return String(reason);
          }
          return 'resumed';
        })(),
      );
      expect(interrupt('interrupted')).toBe(true);
      expect(interrupt('again')).toBe(false);
      expect(await finished).toBe('interrupted');
    }
  });

  test('a coroutine that goes on after an interruption gets the value of the promise that it yields then', async () => {
    for (const late of [Promise.resolve('late'), Promise.reject(new Error('late'))]) {
      const { finished, interrupt } = runCoroutine(
        (function* (): Generator<PromiseLike<unknown>, unknown> {
          try {
            yield late;
          } catch {
            return yield late.then(
              () => 'second',
              () => 'second',
            );
          }
          return 'resumed';
        })(),
      );
      expect(interrupt('interrupted')).toBe(true);
      expect(await finished).toBe('second');
    }
  });
});
