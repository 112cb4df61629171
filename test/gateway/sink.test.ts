// What a sink is told: the first block with the head, and whether anything but end() will follow.

import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Exchange } from '../../src/gateway/exchange.ts';
import { FileWrapper } from '../../src/gateway/file-wrapper.ts';
import type { Sink } from '../../src/gateway/sink.ts';
import type { Application, Environ, FileLike } from '../../src/types.ts';
import { answering, response, run } from '../fakes.ts';

async function callsOf(application: unknown, method = 'GET', sendFile?: NonNullable<Sink['sendFile']>) {
  const calls: unknown[][] = [];
  const text = (block: unknown) => (block === undefined ? undefined : String(block));
  const sink: Sink = {
    start: (_status, _headers, block, isComplete) => void calls.push(['start', text(block), isComplete]),
    write: (block) => void calls.push(['write', text(block)]),
    end: (complete) => void calls.push(['end', complete]),
    ...(sendFile && { sendFile }),
  };
  const exchange = new Exchange(application as Application, { REQUEST_METHOD: method } as Environ, sink, () => {});
  await exchange.start();
  return { calls, exchange };
}

const length = (count: number): [string, string][] => [['Content-Length', String(count)]];

test.each<[string, unknown, [string, string][], string, unknown[][]]>([
  [
    'a whole body',
    'abc',
    [],
    'GET',
    [
      ['start', 'abc', true],
      ['end', true],
    ],
  ],
  [
    'blocks',
    ['a', 'b'],
    [],
    'GET',
    [
      ['start', 'a', false],
      ['write', 'b'],
      ['end', true],
    ],
  ],
  [
    'blocks of a known length',
    ['a', 'b'],
    length(2),
    'GET',
    [
      ['start', 'a', false],
      ['write', 'b'],
      ['end', true],
    ],
  ],
  [
    'HEAD',
    ['a', 'b'],
    [],
    'HEAD',
    [
      ['start', undefined, true],
      ['end', true],
    ],
  ],
  [
    'a block that is too long',
    ['abc', 'd'],
    length(2),
    'GET',
    [
      ['start', 'ab', true],
      ['end', true],
    ],
  ],
  [
    'a body where there should be none',
    ['abc', 'd'],
    length(0),
    'GET',
    [
      ['start', undefined, true],
      ['end', true],
    ],
  ],
])('%s', async (_what, body, headers, method, expected) => {
  expect((await callsOf(answering(body, headers), method)).calls).toEqual(expected);
});

test('a sink with sendFile gets the rest of a file behind its first block', async () => {
  const sent: number[] = [];
  const sendFile = (_descriptor: number, count: number) => {
    sent.push(count);
    return count;
  };
  const sending = (file: FileLike, count: number) => callsOf(answering(new FileWrapper(file, 4), length(count)), 'GET', sendFile);
  const open = () => openSync(fileURLToPath(import.meta.url), 'r');
  expect((await sending(open(), 10)).calls.at(-1)).toEqual(['end', true]);
  expect((await sending(open(), 4)).calls.at(-1)).toEqual(['end', true]);
  const blocks = ['abcd', 'efgh'];
  expect((await sending({ read: () => blocks.shift() ?? '' }, 8)).calls.at(-2)).toEqual(['write', 'efgh']);
  expect(sent).toEqual([6]);
});

test('a close() that throws makes the request a failed one', async () => {
  const close = () => {
    throw new Error('from close()');
  };
  expect((await callsOf(answering({ [Symbol.iterator]: () => ['x'].values(), close }))).exchange.hasFailed).toBe(true);
  expect((await callsOf(answering('x'))).exchange.hasFailed).toBe(false);
});

test('a 204 loses its Content-Length, and no other header', async () => {
  const { output } = await run(answering(null, [['X-A', 'b']], '204 No Content'));
  expect(output).toBe(response('204 No Content', ['X-A: b']));
});
