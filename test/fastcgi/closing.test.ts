// How a FastCGI gateway closes: what has been sent before is answered.

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../host/processes.ts';
import { hello, waiting } from './applications.ts';
import { answer, end, request, serve, stream, text } from './client.ts';

describe('close()', () => {
  test('finishes running requests, closes idle connections, and takes nothing new', async () => {
    const { application, releases, streamed } = waiting();
    const serving = await serve(application);
    const idle = serving.client();
    const used = serving.client().send(request(1, { QUERY_STRING: 'used' }));
    const busy = serving.client().send(request(1, { QUERY_STRING: 'busy' }));
    await until(() => releases.size === 2);
    releases.get('used')?.();
    await used.ends();
    let closed = false;
    serving.server.close(() => {
      closed = true;
    });
    await idle.end();
    await used.end();
    expect(closed).toBe(false);
    expect(busy.closed).toBe(false);
    busy.send(request(2, { QUERY_STRING: 'late' }));
    expect(await busy.ends(1)).toEqual(end(2, 2));
    releases.get('busy')?.();
    expect(stream(await busy.end(), 'STDOUT')).toBe(streamed('released busy'));
    await until(() => closed);
  });

  test('answers what had been sent before', async () => {
    const serving = await serve(hello);
    const accepted = once(serving.server, 'connection');
    const client = serving.client();
    await accepted;
    client.send(request(1));
    serving.server.close();
    expect(await client.end()).toEqual(answer(1, text('hello')));
  });

  test('answers all connections that wait to be accepted', async () => {
    const serving = await serve(hello);
    const clients = Array.from({ length: 50 }, () => serving.client());
    serving.server.close();
    for (const client of clients) client.send(request(1));
    for (const client of clients) expect(await client.end()).toEqual(answer(1, text('hello')));
  });

  test('a second call does the same as the first', async () => {
    const serving = await serve(hello);
    const clients = Array.from({ length: 50 }, () => serving.client());
    let closed = 0;
    for (let times = 0; times < 2; times++) serving.server.close(() => closed++);
    for (const client of clients) client.send(request(1));
    for (const client of clients) expect(await client.end()).toEqual(answer(1, text('hello')));
    await until(() => closed === 2);
  });

  test('waits for the first request of a connection that has just opened', async () => {
    const serving = await serve(hello);
    const accepted = once(serving.server, 'connection');
    const client = serving.client();
    await accepted;
    serving.server.close();
    await until(() => !serving.server.listening);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(await client.send(request(1)).end()).toEqual(answer(1, text('hello')));
  });

  test('takes no connections, but serves open ones until the grace is over', async () => {
    const serving = await serve(hello, { grace: 1000 });
    const accepted = once(serving.server, 'connection');
    const kept = serving.client();
    await accepted;
    serving.server.close();
    await until(() => !serving.server.listening);
    await expect(once(connect(serving.port), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await kept.send(request(1)).ends();
    expect(await kept.send(request(2)).end()).toEqual(Buffer.concat([answer(1, text('hello')), answer(2, text('hello'))]));
  });

  test('does not wait for the grace when no connection is open', async () => {
    const serving = await serve(hello, { grace: 1_000_000 });
    const closed = once(serving.server.close(), 'close').then(() => 'closed');
    expect(await Promise.race([closed, sleep(10_000, 'waits', { ref: false })])).toBe('closed');
  });
});
