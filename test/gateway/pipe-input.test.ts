import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { Input } from '../../src/gateway/input.ts';
import { pipeInput } from '../../src/gateway/pipe-input.ts';
import { bytesOf } from './sources.ts';

test('pipeInput() writes a body no faster than the stream takes it, and ends the stream', async () => {
  const sizes: number[] = [];
  let writing = 0;
  let most = 0;
  const slow = new Writable({
    highWaterMark: 1,
    write(block: Buffer, _encoding, done) {
      most = Math.max(most, ++writing);
      sizes.push(block.length);
      setTimeout(() => {
        writing--;
        done();
      }, 1);
    },
  });
  await pipeInput(new Input(bytesOf(Buffer.alloc(300_000)), 300_000), slow);
  await new Promise((resolve) => slow.on('finish', resolve));
  expect(sizes.reduce((sum, size) => sum + size)).toBe(300_000);
  expect([most, sizes.length > 1]).toEqual([1, true]);
  expect([slow.listenerCount('drain'), slow.listenerCount('close')]).toEqual([0, 0]);
});

test('pipeInput() stops without an error when the stream is destroyed', async () => {
  const stream = new PassThrough();
  stream.destroy();
  await pipeInput(new Input(bytesOf(Buffer.alloc(10)), 10), stream);
  const wide = new PassThrough();
  await pipeInput(new Input(bytesOf(Buffer.from('all of it')), 9), wide);
  expect(String(wide.read())).toBe('all of it');
  const full = new PassThrough({ highWaterMark: 1 });
  const poured = pipeInput(new Input(bytesOf(Buffer.alloc(300_000)), 300_000), full);
  setTimeout(() => full.destroy(), 10);
  await poured;
  expect(full.writableEnded).toBe(false);
});
