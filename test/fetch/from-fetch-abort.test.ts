// fromFetch(): what a handler learns of a client that leaves.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { fromFetch } from '../../src/fetch/index.ts';
import { until } from '../host/processes.ts';
import { serve } from '../server/raw.ts';
import { ask, open } from '../servers/client.ts';

describe('a client that leaves', () => {
  test('aborts the signal and cancels the body', async () => {
    const seen: string[] = [];
    const { port } = await serve(
      fromFetch((request) => {
        request.signal.addEventListener('abort', () => seen.push(`aborted: ${request.signal.reason.name}`));
        return new Response(
          new ReadableStream({
            async pull(controller) {
              await sleep(5);
              controller.enqueue(Buffer.alloc(1000));
            },
            cancel: (reason) => void seen.push(`cancelled: ${reason.name}`),
          }),
        );
      }),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await until(() => seen.length === 2);
    expect(seen.sort()).toEqual(['aborted: AbortError', 'cancelled: AbortError']);
  });

  test('aborts the signal of a handler that has not answered yet', async () => {
    let aborted = false;
    const { port } = await serve(
      fromFetch(
        (request) =>
          new Promise((_resolve, reject) => {
            request.signal.addEventListener('abort', () => {
              aborted = true;
              reject(request.signal.reason);
            });
          }),
      ),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await sleep(100);
    socket.destroy();
    await until(() => aborted);
    expect(aborted).toBe(true);
  });

  test('a cancel() that fails changes nothing', async () => {
    const serving = await serve(
      fromFetch(
        () =>
          new Response(
            new ReadableStream({
              async pull(controller) {
                await sleep(5);
                controller.enqueue(Buffer.alloc(1000));
              },
              cancel: () => Promise.reject(new Error('no')),
            }),
          ),
      ),
    );
    const socket = open(serving.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await sleep(50);
    expect((await ask(serving.port, { method: 'HEAD' })).status).toBe(200);
  });
});
