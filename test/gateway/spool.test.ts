// Request bodies that are kept in temporary files: no file stays open, in whatever way its request ends.

import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toFetch } from '../../src/fetch/index.ts';
import { cgiScript } from '../../src/host/index.ts';
import { call } from '../../src/testing/index.ts';
import type { ApplicationFunction, Closable, Environ } from '../../src/types.ts';
import * as fastCgi from '../fastcgi/client.ts';
import { until } from '../host/processes.ts';
import * as scgi from '../scgi/client.ts';
import { serve } from '../server/raw.ts';
import { ask, open } from '../servers/client.ts';

/** More than is kept in memory. */
const BIG = 'x'.repeat(3_000_000);

let before = 0;

/** How many files of bodies are open that were not when the test began. */
function openFiles(): number {
  const isSpool = (descriptor: string) => {
    try {
      return /\/run-with-cgi-.* \(deleted\)$/.test(readlinkSync(`/proc/self/fd/${descriptor}`));
    } catch {
      return false;
    }
  };
  return readdirSync('/proc/self/fd').filter(isSpool).length - before;
}

/** Waits until no file of a body is open. */
const isClosed = () => until(() => openFiles() === 0);

const echo: ApplicationFunction = async (environ, startResponse) => {
  const body = environ['wsgi.input'].read();
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return body;
};

const failing: ApplicationFunction = () => {
  throw new Error('on purpose');
};

const silent = { errors: { write() {} } };

beforeEach(() => {
  before += openFiles();
});

afterEach(isClosed, 20_000);

describe('toFetch', () => {
  const post = (body: string | ReadableStream, signal?: AbortSignal) =>
    new Request('http://a/', { method: 'POST', body, duplex: 'half', ...(signal && { signal }) } as RequestInit);

  test('no file stays open after a body that was read or not read', async () => {
    expect((await (await toFetch(echo)(post(BIG))).text()).length).toBe(BIG.length);
    expect((await toFetch(failing, silent)(post(BIG))).status).toBe(500);
  });

  test('no file stays open after an upload that breaks off', async () => {
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(BIG)),
      pull: (controller) => controller.error(new Error('broke off')),
    });
    await expect(toFetch(echo)(post(broken))).rejects.toThrow('broke off');
  });

  test('no file stays open after the signal aborts an upload whose stream does not end', async () => {
    const controller = new AbortController();
    const endless = new ReadableStream({ start: (one) => one.enqueue(Buffer.from(BIG)) });
    const responding = toFetch(echo)(post(endless, controller.signal));
    await until(() => openFiles() === 1);
    controller.abort(new Error('left'));
    await expect(responding).rejects.toThrow('left');
  });

  test('a body that announces more than maxBodySize is not taken', async () => {
    const request = new Request('http://a/', { method: 'POST', body: BIG, headers: { 'Content-Length': '3000000' } });
    const response = await toFetch(echo, { ...silent, maxBodySize: 2_999_999 })(request);
    expect([response.status, await response.text(), request.bodyUsed]).toEqual([413, '413 Content Too Large\n', true]);
    expect((await toFetch(echo, { maxBodySize: 3_000_000 })(post(BIG))).status).toBe(200);
  });

  test('a body above maxBodySize is cancelled', async () => {
    let cancelled = false;
    let made = 0;
    const endless = new ReadableStream({
      pull: (controller) => (made++ < 10 ? controller.enqueue(Buffer.from(BIG)) : controller.close()),
      cancel: () => {
        cancelled = true;
      },
    });
    const response = await toFetch(echo, { ...silent, maxBodySize: 5_000_000 })(post(endless));
    expect([response.status, await response.text(), cancelled]).toEqual([413, '413 Content Too Large\n', true]);
  });
});

test('call() takes a large body', async () => {
  expect((await call(echo, { body: BIG })).body.length).toBe(BIG.length);
});

describe('makeServer', () => {
  test('no file stays open after a body that is read, is not read, or is too large', async () => {
    expect((await ask((await serve(echo)).port, { method: 'POST', body: BIG })).body.length).toBe(BIG.length);
    expect((await ask((await serve(failing)).port, { method: 'POST', body: BIG })).status).toBe(500);
    const headers = ['Transfer-Encoding: chunked'];
    const body = `${BIG.length.toString(16)}\r\n${BIG}\r\n0\r\n\r\n`;
    expect((await ask((await serve(echo, { maxBodySize: 2_000_000 })).port, { method: 'POST', headers, body })).status).toBe(413);
  });

  test('no file stays open after a client leaves, during its upload or while the application waits', async () => {
    const { port } = await serve(echo);
    const early = open(port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n${BIG}`);
    await until(() => openFiles() === 1);
    early.destroy();
    await until(() => openFiles() === 0);
    const waiting = await serve(() => new Promise<never>(() => {}));
    const late = open(waiting.port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${BIG.length}\r\n\r\n${BIG}`);
    await until(() => openFiles() === 1);
    late.destroy();
    expect(await isClosed()).toBe(true);
  });
});

describe('SCGI', () => {
  test('no file stays open after a web server leaves, in the middle of a body or before the answer', async () => {
    for (const [application, length] of [
      [echo, 9_000_000],
      [() => new Promise<never>(() => {}), BIG.length],
    ] as const) {
      const client = (await scgi.serve(application)).client().send(scgi.head({}, length) + BIG);
      await until(() => openFiles() === 1);
      client.socket.destroy();
      expect(await isClosed()).toBe(true);
    }
  });
});

describe('FastCGI', () => {
  const pieces = (id: number) => Array.from({ length: 50 }, () => fastCgi.record('STDIN', id, 'x'.repeat(60_000)));

  test('no file stays open after a connection that ends in the middle of a body', async () => {
    const client = (await fastCgi.serve(echo)).client();
    client.send(fastCgi.begin(1), fastCgi.params(1, { CONTENT_LENGTH: '9000000' }), ...pieces(1));
    await until(() => openFiles() === 1);
    client.socket.destroy();
    expect(await isClosed()).toBe(true);
  });

  test("the rest of an aborted request's body is dropped, on a connection that takes nothing", async () => {
    const called: string[] = [];
    let blocks = 0;
    const { client } = await fastCgi.serve((environ, startResponse) => {
      called.push(environ.QUERY_STRING);
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return (async function* () {
        for (; blocks < 200; blocks++) yield Buffer.alloc(60_000);
      })();
    });
    const one = client();
    one.socket.pause();
    one.send(fastCgi.request(1, { QUERY_STRING: 'first' }));
    // Until the gateway waits for us to take something.
    for (let before = -1; before < blocks || blocks === 0; await sleep(100)) before = blocks;
    one.send(fastCgi.begin(2), fastCgi.params(2, { QUERY_STRING: 'aborted', CONTENT_LENGTH: '9000000' }), ...pieces(2));
    await until(() => openFiles() === 1);
    one.send(fastCgi.record('ABORT_REQUEST', 2), ...pieces(2), ...pieces(2), fastCgi.stdin(2));
    await until(() => openFiles() === 0);
    await sleep(100);
    expect(openFiles()).toBe(0);
    one.socket.resume();
    await one.ends(2);
    expect(called).toEqual(['first']);
  });
});

test('cgiScript: no file stays open after a client leaves during a body of unknown length', async () => {
  let supply = () => {};
  async function* blocks() {
    yield Buffer.from(BIG);
    await new Promise<void>((resolve) => {
      supply = resolve;
    });
    yield Buffer.from('the rest');
  }
  const environ = { REQUEST_METHOD: 'POST', SCRIPT_NAME: '', PATH_INFO: '/', 'wsgi.input': blocks() } as unknown as Environ;
  const body = cgiScript('/bin/true')(environ, () => () => {}) as AsyncIterable<unknown> & Closable;
  const first = body[Symbol.asyncIterator]().next();
  first.catch(() => {});
  await until(() => openFiles() === 1);
  await body.close?.();
  supply();
  await expect(first).rejects.toThrow('The client left');
});
