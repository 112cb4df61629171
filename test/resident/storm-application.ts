// The application of storm.test.ts, and its bodies. The number of a request determines every byte that goes up and down.

import { openSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Application } from '../../src/types.ts';

const LONGEST = 3_000_000;
const noise = makeNoise(LONGEST + 65_536);

/** Returns both bodies of request `id`. Most are small, some are megabytes. */
export function bodies(id: number): { up: Buffer; down: Buffer } {
  return { up: part(id, 7), down: part(id, 11) };
}

function part(id: number, salt: number): Buffer {
  const random = noise.readUInt32LE(((id * salt) % 60_000) * 4) / 2 ** 32;
  const kind = (id * salt) % 200;
  const longest = kind === 0 ? LONGEST : kind < 4 ? 400_000 : kind < 30 ? 40_000 : kind < 60 ? 0 : 1_000;
  const start = (id * salt) % 65_536;
  return noise.subarray(start, start + Math.floor(random * longest));
}

/** Returns random bytes that are the same in every process. */
function makeNoise(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer);
}

const marks = process.env.STORM_MARKS === undefined ? undefined : openSync(process.env.STORM_MARKS, 'a');

process.on('SIGUSR2', () => {
  throw new Error('nobody catches this');
});

/** Answers a request, whose path is its number, and notes which process runs it. Every second one takes several turns. */
export const application: Application = async (environ, startResponse) => {
  const id = Number(environ.PATH_INFO.slice(1));
  if (marks !== undefined) writeSync(marks, `${id} ${process.pid}\n`);
  const { up, down } = bodies(id);
  const isRight = environ['wsgi.input'].read().equals(up);
  startResponse(isRight ? '200 OK' : '409 Conflict', [
    ['Content-Type', 'application/octet-stream'],
    ['Content-Length', String(down.length)],
  ]);
  if (id % 2 === 0) return down;
  return (async function* () {
    for (let at = 0; at < down.length; at += 100_000) {
      await turn();
      yield down.subarray(at, at + 100_000);
    }
  })();
};
