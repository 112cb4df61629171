import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { limitRate } from '../../src/middleware/index.ts';
import { call } from '../../src/testing/index.ts';
import type { Environ } from '../../src/types.ts';
import { answering, checked } from './applications.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-rate-'));
afterAll(() => rmSync(folder, { recursive: true }));

let directory: string;
let count = 0;
beforeEach(() => {
  directory = join(folder, String(count++));
  vi.useFakeTimers({ now: 1_000_000_030_000, toFake: ['Date'] });
});
afterEach(() => vi.useRealTimers());

const limited = (limit: number) => checked((inner) => limitRate(inner, { limit, window: 60, directory }))(answering('in'));
const from = (address: string) => ({ environ: { REMOTE_ADDR: address } });

describe('one process', () => {
  test('the first requests are admitted, the others get 429 with Retry-After', async () => {
    const application = limited(2);
    const answers = [await call(application), await call(application), await call(application)];
    expect(answers.map(({ status }) => status)).toEqual(['200 OK', '200 OK', '429 Too Many Requests']);
    expect([...(answers[2]?.headers ?? [])]).toEqual([
      ['Content-Type', 'text/plain'],
      ['Retry-After', '50'],
      ['Content-Length', '22'],
    ]);
    expect(answers[2]?.text).toBe('429 Too Many Requests\n');
  });

  test('the next window begins at zero, and files of older windows are removed', async () => {
    const application = limited(1);
    for (const status of ['200 OK', '429 Too Many Requests']) expect((await call(application)).status).toBe(status);
    vi.setSystemTime(1_000_000_080_000);
    for (const status of ['200 OK', '429 Too Many Requests']) expect((await call(application)).status).toBe(status);
    vi.setSystemTime(1_000_000_140_000);
    expect((await call(application)).status).toBe('200 OK');
    expect(readdirSync(directory)).toEqual(['16666668', '16666669']);
  });

  test.each([
    ['10.0.0.1', '10.0.0.2', false],
    ['10.0.0.1', '::ffff:10.0.0.1', true],
    ['2001:db8::1', '2001:db8:0:0:ffff::9', true],
    ['2001:db8::1', '2001:DB8:0000::2%eth0', true],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['::1', '::2', true],
    ['::ffff:10.0.0.1', '10.0.0.1:4000', true],
    ['10.0.0.1:4000', '10.0.0.1:4001', true],
    ['10.0.0.1:4000', '10.0.0.2:4000', false],
    ['[2001:db8::1]:80', '2001:db8::2', true],
    ['[::1]:80', '[::1]:81', true],
    ['[::1]:80', '[2001:db8::1]:80', false],
    ['', 'unix:', true],
    ['unix:', 'unix:', true],
    ['not:an:address', '[::1', true],
    ['2001:db8::1::2', 'localhost:4000', true],
    ['unknown', '10.0.0.1', false],
  ])('%s and %s are one client: %s', async (one, other, isSame) => {
    const application = limited(1);
    await call(application, from(one));
    expect((await call(application, from(other))).status).toBe(isSame ? '429 Too Many Requests' : '200 OK');
  });

  test('the option key names the client', async () => {
    const key = (environ: Environ) => environ.HTTP_X_KEY ?? '';
    const application = limitRate(answering('in'), { limit: 1, window: 60, directory, key });
    const statuses = [];
    for (const name of ['a', 'b', '../../a', 'a'])
      statuses.push((await call(application, { headers: { 'X-Key': name } })).status.slice(0, 3));
    expect(statuses).toEqual(['200', '200', '200', '429']);
  });

  test('only the owner can read the files, and they do not grow for refused clients', async () => {
    const application = limited(3);
    for (let requests = 0; requests < 20; requests++) await call(application);
    const [window = ''] = readdirSync(directory);
    const [file = ''] = readdirSync(join(directory, window));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, window, file))).toMatchObject({ size: 48 });
    expect(statSync(join(directory, window, file)).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['a folder that cannot be made', () => '/dev/null/counts'],
    ['a full disk', () => '/dev/full'],
  ])('%s is logged, and the request is admitted', async (_what, place) => {
    const { status, errors } = await call(limitRate(answering('in'), { limit: 1, window: 60, directory: place() }));
    expect(status).toBe('200 OK');
    expect(errors).toMatch(/^limitRate: Error: E.*; the request is let through\n$/);
  });

  test('a key that throws admits nobody', async () => {
    const key = (environ: Environ) => new URL(environ.HTTP_X_KEY ?? '').host;
    const { status, errors } = await call(limitRate(answering('in'), { limit: 1, window: 60, directory, key }));
    expect(status).toBe('500 Internal Server Error');
    expect(errors).toContain('Invalid URL');
  });

  test('requests without a key are one client', async () => {
    const key = (environ: Environ) => environ.HTTP_X_KEY as string;
    const application = limitRate(answering('in'), { limit: 1, window: 60, directory, key });
    expect((await call(application)).status).toBe('200 OK');
    expect((await call(application)).status).toBe('429 Too Many Requests');
  });
});
