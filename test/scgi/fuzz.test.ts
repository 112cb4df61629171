// SCGI connections that go wrong in every way. None may crash the gateway, hang, keep memory or be answered twice.
// FUZZ=10000000 sets how many there are, and SEED the seed of the random numbers.

import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { settingsOf } from '../../src/resident/options.ts';
import { ScgiConnection } from '../../src/scgi/connection.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { below, cut, mutate, type Random, random } from '../fastcgi/fuzz.ts';
import { Wire } from '../fastcgi/wire.ts';
import { request } from './client.ts';

const COUNT = Number(process.env.FUZZ ?? 20_000);
const SEED = Number(process.env.SEED ?? 1);

function application(next: Random): ApplicationFunction {
  return (environ, startResponse) => {
    const kind = below(next, 5);
    if (kind === 0) throw new Error('the cause');
    if (kind === 1) environ['wsgi.input'].read();
    startResponse('200 OK', []);
    if (kind === 2) return ['one', 'two'];
    return kind === 3 ? Promise.resolve('late') : 'text';
  };
}

test(`${COUNT} connections are answered once, or closed`, { timeout: 0 }, async () => {
  const next = random(SEED);
  const settings = settingsOf('scgi', application(next), { maxParamsSize: 300, maxBodySize: 25, errors: { write: () => {} } });
  let answered = 0;
  for (let count = 0; count < COUNT; count++) {
    const valid = request({ QUERY_STRING: 'q'.repeat(below(next, 120)) }, 'b'.repeat(below(next, 30)));
    const wire = new Wire(below(next, 4) === 0);
    const connection = new ScgiConnection(wire.socket, settings);
    const bytes = mutate(next, Buffer.from(valid));
    for (const piece of cut(next, bytes)) if (!wire.destroyed) connection.take(piece);
    // An answer that comes late needs a few turns.
    for (let turns = 0; turns < (count % 8 === 0 ? 3 : 0); turns++) {
      await turn();
      wire.flush();
    }
    wire.flush();
    wire.leave();
    const received = Buffer.concat(wire.sent).toString('latin1');
    if (!/^(?:Status: (?:200|400|413|431|500) (?:(?!Status: )[\s\S])*)?$/.test(received)) expect({ count, received }).toBeNull();
    if (received !== '') answered++;
    if (count % 1000 === 999) await turn();
  }
  expect(answered).toBeGreaterThan(COUNT / 2);
});
