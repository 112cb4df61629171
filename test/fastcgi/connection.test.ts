// A FastCGI connection: records that are no request, requests that are aborted, and web servers that stall or leave.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FastCgiOptions } from '../../src/fastcgi/index.ts';
import { until } from '../host/processes.ts';
import { echo, hello, PLAIN, waiting } from './applications.ts';
import { answer, begin, end, pairs, params, parse, record, request, serve, stdin, stream, text } from './client.ts';

describe('§5.4: ABORT_REQUEST', () => {
  test('interrupts the application, calls close() and is answered with END_REQUEST', async () => {
    const { application, releases, closes } = waiting();
    const serving = await serve(application);
    const client = serving.client().send(request(1, { QUERY_STRING: 'a' }));
    await until(() => releases.size === 1);
    client.send(record('ABORT_REQUEST', 1));
    expect(await client.ends()).toEqual(Buffer.concat([record('STDOUT', 1), end(1)]));
    releases.get('a')?.();
    await until(() => closes.length === 1);
    await client.send(record('ABORT_REQUEST', 1), request(1, { QUERY_STRING: 'b' })).ends(1);
    await until(() => releases.has('b'));
    releases.get('b')?.();
    expect(parse(await client.ends(2)).filter(({ type }) => type === 'END_REQUEST')).toHaveLength(2);
    expect(serving.errors).toBe('');
  });

  test('of a request that has not arrived whole ends it', async () => {
    const client = (await serve(hello)).client();
    client.send(begin(1), record('PARAMS', 1, 'x'), record('ABORT_REQUEST', 1), stdin(1), request(2));
    expect(await client.ends(2)).toEqual(Buffer.concat([record('STDOUT', 1), end(1), answer(2, text('hello'))]));
  });

  test('of a request that is over or unknown changes nothing', async () => {
    const client = (await serve(hello)).client().send(request(1), record('ABORT_REQUEST', 1), record('ABORT_REQUEST', 9), request(2));
    expect(await client.ends(2)).toEqual(Buffer.concat([answer(1, text('hello')), answer(2, text('hello'))]));
  });
});

describe('other records', () => {
  test('§4.1: GET_VALUES is answered with the known values', async () => {
    const client = (await serve(hello, { maxConnections: 7, maxRequests: 5 })).client();
    const asked = { FCGI_MAX_CONNS: '', FCGI_MPXS_CONNS: '', FCGI_NONSENSE: '', FCGI_MAX_REQS: '' };
    const expected = Buffer.concat([
      record('GET_VALUES_RESULT', 0, pairs({ FCGI_MAX_CONNS: '7', FCGI_MAX_REQS: '5', FCGI_MPXS_CONNS: '1' })),
      record('GET_VALUES_RESULT', 0),
      answer(1, text('hello')),
    ]);
    client.send(record('GET_VALUES', 0, pairs(asked)), record('GET_VALUES', 0), request(1));
    expect(await client.ends()).toEqual(expected);
  });

  test('§4.2: unknown types are answered with UNKNOWN_TYPE', async () => {
    const client = (await serve(hello)).client().send(record(99, 0, 'content', 3), record('DATA', 0), request(1));
    expect(await client.ends()).toEqual(
      Buffer.concat([
        record('UNKNOWN_TYPE', 0, Buffer.of(99, 0, 0, 0, 0, 0, 0, 0)),
        record('UNKNOWN_TYPE', 0, Buffer.of(8, 0, 0, 0, 0, 0, 0, 0)),
        answer(1, text('hello')),
      ]),
    );
  });

  test('§3.3: records with unused ids are ignored', async () => {
    const strays = [params(4), stdin(4, 'x'), record('DATA', 4, 'x'), record(99, 4, 'x'), record('STDOUT', 4, 'x')];
    const client = (await serve(hello)).client().send(...strays, begin(1), ...strays, params(1), record('DATA', 1, 'x'), stdin(1));
    expect(await client.ends()).toEqual(answer(1, text('hello')));
  });

  test.each([2, 3, 0, 500])('§5.5: role %i is refused as FCGI_UNKNOWN_ROLE', async (role) => {
    const client = (await serve(hello)).client().send(begin(1, 1, role), params(1), stdin(1), request(2));
    expect(await client.ends(2)).toEqual(Buffer.concat([end(1, 3), answer(2, text('hello'))]));
    const other = (await serve(hello)).client().send(begin(1, 0, role), params(1), stdin(1));
    expect(await other.end()).toEqual(end(1, 3));
  });

  test('§5.5: more than maxRequests at a time are refused as FCGI_OVERLOADED', async () => {
    const { application, releases, streamed } = waiting();
    const client = (await serve(application, { maxRequests: 2 })).client();
    client.send(request(1, { QUERY_STRING: 'a' }), request(2, { QUERY_STRING: 'b' }), request(3, { QUERY_STRING: 'c' }));
    expect(await client.ends(1)).toEqual(end(3, 2));
    releases.get('a')?.();
    await client.ends(2);
    client.send(request(3, { QUERY_STRING: 'c' }));
    await until(() => releases.has('c'));
    releases.get('c')?.();
    expect(stream(await client.ends(3), 'STDOUT', 3)).toBe(streamed('released c'));
  });

  test.each([
    ['a record of another version', record('STDIN', 1, '', 0, 2), /FastCGI version 2/],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /FastCGI version 71/],
    ['a request of id 0', begin(0), /request 0/],
    ['a second request of an id in use', begin(1), /request 1, which has not ended/],
    ['BEGIN_REQUEST of another length', record('BEGIN_REQUEST', 2, '\0\x01\x01'), /must have 8 bytes of content, got 3/],
    ['GET_VALUES that break off', record('GET_VALUES', 0, 'x'), /GET_VALUES ends within/],
  ])('%s closes the connection, and interrupts what runs', async (_what, bytes, message) => {
    const { application, releases, closes } = waiting();
    const serving = await serve(application);
    const client = serving.client().send(request(1, { QUERY_STRING: 'a' }));
    await until(() => releases.size === 1);
    expect(await client.send(bytes, request(5)).end()).toEqual(Buffer.alloc(0));
    expect(serving.errors).toMatch(message);
    releases.get('a')?.();
    await until(() => closes.length === 1);
  });

  test('a connection that the server closes interrupts all its requests', async () => {
    const { application, releases, closes } = waiting();
    const serving = await serve(application);
    const client = serving.client().send(request(1, { QUERY_STRING: 'a' }), request(2, { QUERY_STRING: 'b' }), begin(3));
    await until(() => releases.size === 2);
    client.socket.end();
    await client.end();
    for (const release of releases.values()) release();
    await until(() => closes.length === 2);
    expect(serving.errors).toBe('');
  });
});

describe('any cutting of the stream', () => {
  test('gives the same answer', async () => {
    const strays = Buffer.concat([record('GET_VALUES', 0, pairs({ FCGI_MPXS_CONNS: '' }), 5), record(77, 0, 'abc')]);
    const bytes = Buffer.concat([
      request(1, { QUERY_STRING: 'x'.repeat(200) }, 'body'),
      strays,
      begin(2),
      params(2),
      request(300),
      stdin(2, 'yz'),
    ]);
    const serving = await serve(echo);
    const whole = await serving.client().send(bytes).ends(3);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const client = serving.client();
        client.socket.setNoDelay(true);
        const places = [0, ...cuts.sort((one, other) => one - other), bytes.length];
        for (let at = 1; at < places.length; at++) {
          client.send(bytes.subarray(places[at - 1], places[at]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await client.ends(3)).toEqual(whole);
        client.socket.destroy();
      }),
      { numRuns: 60 },
    );
  });
});

describe('a web server that stalls', () => {
  const silent: FastCgiOptions = { stallTimeout: 100 };

  test.each([
    ['before its first request', Buffer.alloc(0)],
    ['within a header', begin(1).subarray(0, 5)],
    ['within a record', params(1).subarray(0, 30)],
    ['before the end of PARAMS', Buffer.concat([begin(1), params(1).subarray(0, -8)])],
    ['before the end of STDIN', Buffer.concat([begin(1), params(1, { CONTENT_LENGTH: '9' }), record('STDIN', 1, 'abc')])],
  ])('%s loses its connection, and nobody else does', async (_where, bytes) => {
    const serving = await serve(hello, silent);
    const resting = serving.client().send(request(1));
    await resting.ends();
    expect(await serving.client().send(bytes).end()).toEqual(Buffer.alloc(0));
    expect(serving.errors).toBe('fastcgi: the web server has not sent the rest of a request for 100 ms; the connection is closed\n');
    expect(parse(await resting.send(request(2)).ends(2)).at(-1)).toMatchObject({ type: 'END_REQUEST', id: 2 });
  });

  test('in the middle of a response loses its connection, and the body is closed', async () => {
    let closed = false;
    const serving = await serve((_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (function* () {
        try {
          for (;;) yield 'x'.repeat(100_000);
        } finally {
          closed = true;
        }
      })();
    }, silent);
    const client = serving.client();
    client.socket.pause();
    client.send(request(1));
    await until(() => closed);
    expect(serving.errors).toBe('fastcgi: the web server has taken nothing of a response for 100 ms; the connection is closed\n');
  });

  test.each(['destroy', 'resetAndDestroy'] as const)('and leaves by %s ends a body that waits for nothing else', async (leave) => {
    let closed = false;
    let blocks = 0;
    const { client } = await serve((_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (function* () {
        try {
          for (;;) {
            blocks++;
            yield 'x'.repeat(100_000);
          }
        } finally {
          closed = true;
        }
      })();
    });
    const peer = client();
    peer.socket.pause();
    peer.send(request(1));
    let before = 0;
    await until(() => {
      const isHeldUp = blocks > 0 && blocks === before;
      before = blocks;
      return isHeldUp;
    });
    expect(closed).toBe(false);
    peer.socket[leave]();
    await until(() => closed);
  });

  test('is not taken for one that waits for the application', async () => {
    let release = () => {};
    const serving = await serve(async (environ, startResponse) => {
      if (environ.PATH_INFO === '/wait') {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return hello(environ, startResponse);
    }, silent);
    const begun = release;
    const waiting = serving.client().send(request(1, { PATH_INFO: '/wait' }));
    await until(() => release !== begun);
    // This connection stalls, and its end tells that the stall timeout has passed meanwhile.
    await serving.client().send(begin(1)).end();
    release();
    expect(await waiting.ends()).toEqual(answer(1, text('hello')));
  });
});

test('a client that leaves at once, in the middle, or before the end is no failure', async () => {
  const serving = await serve(hello);
  const bytes = request(1, {}, 'body');
  for (let at = 0; at < bytes.length; at += 7) {
    const client = serving.client();
    client.send(bytes.subarray(0, at));
    client.socket.resetAndDestroy();
  }
  expect(await serving.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  expect(serving.errors).toBe('');
});
