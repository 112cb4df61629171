// FastCGI connections that go wrong in every way. None may crash the gateway, hang, keep memory or be answered twice.
// FUZZ=10000000 sets how many there are, and SEED the seed of the random numbers.

import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FastCgiConnection } from '../../src/fastcgi/connection.ts';
import { serveFastCgi } from '../../src/fastcgi/index.ts';
import { settingsOf } from '../../src/resident/options.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { begin, Client, pairs, params, parse, record, request, stdin } from './client.ts';
import { below, cut, mutate, pick, type Random, random } from './fuzz.ts';
import { Wire } from './wire.ts';

const COUNT = Number(process.env.FUZZ ?? 20_000);
const SEED = Number(process.env.SEED ?? 1);
const MAX_REQUESTS = 3;

/** How many bodies were opened, and how many closed. In the end these are as many. */
let opened = 0;
let closed = 0;

function application(next: Random): ApplicationFunction {
  const body = (blocks: Iterable<string> | AsyncIterable<string>) => {
    opened++;
    return Object.assign(blocks, { close: () => closed++ });
  };
  return (environ, startResponse) => {
    const kind = below(next, 9);
    if (kind === 0) throw new Error('the cause');
    if (kind === 1) return new Promise(() => {});
    if (kind === 2) environ['wsgi.errors'].write('said\n');
    if (kind === 3) environ['wsgi.input'].read();
    startResponse('200 OK', kind === 4 ? [['Content-Length', '3']] : []);
    if (kind === 5) return body(['one', 'two']);
    if (kind === 6) {
      return body(
        (async function* () {
          yield 'one';
          await null;
          yield 'two';
        })(),
      );
    }
    if (kind === 7) return Promise.resolve(body(['late']));
    return kind === 8 ? 'x'.repeat(40_000) : 'text';
  };
}

function stream(next: Random): Buffer {
  const pieces: Buffer[] = [];
  for (let count = 1 + below(next, 5); count > 0; count--) {
    const id = 1 + below(next, 4);
    const flags = below(next, 8) === 0 ? 0 : 1;
    pieces.push(
      pick(next, [
        () => request(id, { QUERY_STRING: 'q'.repeat(below(next, 150)) }, 'b'.repeat(below(next, 20)), flags),
        () => request(id, {}, '', flags),
        () => Buffer.concat([begin(id, flags, below(next, 4)), params(id)]),
        () => params(id, { CONTENT_LENGTH: String(below(next, 40)) }),
        () => stdin(id, 's'.repeat(below(next, 30))),
        () => record('ABORT_REQUEST', id),
        () => record('GET_VALUES', 0, pairs({ FCGI_MAX_CONNS: '', FCGI_MPXS_CONNS: '' }), below(next, 9)),
        () => record(below(next, 256), below(next, 3), 'content', below(next, 256)),
      ])(),
    );
  }
  return Buffer.concat(pieces);
}

/** Returns the ids of the BEGIN_REQUESTs in `bytes`, and whether `bytes` end between two records. */
function begun(bytes: Buffer): { ids: number[]; isWhole: boolean } {
  const ids: number[] = [];
  let at = 0;
  while (at + 8 <= bytes.length && bytes[at] === 1) {
    const length = bytes.readUInt16BE(at + 4);
    if (bytes[at + 1] === 1 && at + 8 + length <= bytes.length) ids.push(bytes.readUInt16BE(at + 2));
    at += 8 + length + bytes.readUInt8(at + 6);
  }
  return { ids, isWhole: at === bytes.length };
}

test(`${COUNT} connections are answered or closed`, { timeout: 0 }, async () => {
  const next = random(SEED);
  const settings = settingsOf('fastcgi', application(next), { maxParamsSize: 400, maxBodySize: 25, errors: { write: () => {} } });
  let answered = 0;
  let before = 0;
  for (let count = 0; count < COUNT; count++) {
    const bytes = mutate(next, stream(next));
    const wire = new Wire(below(next, 4) === 0);
    const connection = new FastCgiConnection(wire.socket, settings, MAX_REQUESTS);
    for (const piece of cut(next, bytes)) if (!wire.destroyed) connection.take(piece);
    if (below(next, 2) === 0) await turn();
    wire.flush();
    const { ids, isWhole } = begun(bytes);
    // Requests that still run are aborted. Then every request must have been answered.
    if (isWhole) for (const id of ids) if (!wire.over) connection.take(record('ABORT_REQUEST', id));
    const { isOpen } = connection;
    wire.flush();
    const received = parse(Buffer.concat(wire.sent));
    const ends = received.filter(({ type }) => type === 'END_REQUEST').map(({ id }) => id);
    if (isWhole && isOpen && ends.toSorted().join() !== ids.toSorted().join()) {
      expect({ count, bytes: bytes.toString('hex'), ends }).toEqual({ count, bytes: '', ends: ids });
    }
    if (ends.length > ids.length) expect({ count, ends }).toEqual({ count, ends: ids });
    answered += ends.length;
    wire.leave();
    if (count % 1000 === 999) {
      await turn();
      await turn();
      if (opened !== closed) expect({ count, closed }).toEqual({ count, closed: opened });
      const { rss } = process.memoryUsage();
      if (count === 9_999) before = rss;
      if (before > 0 && rss > before + 400_000_000) expect({ count, rss }).toEqual({ count, rss: before });
    }
  }
  expect(answered).toBeGreaterThan(COUNT / 2);
  expect(opened).toBeGreaterThan(COUNT / 20);
});

test('300 real connections are answered or closed', async () => {
  const next = random(SEED);
  const server = serveFastCgi(application(next), { port: 0, errors: { write: () => {} } });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: 300 }, () => new Client(connect(port, '127.0.0.1')).send(mutate(next, stream(next))));
  // The gateway closes a connection when the web server does.
  for (const { socket } of clients) socket.end();
  for (const one of clients) parse(await one.end());
  server.close();
  await once(server, 'close');
});
