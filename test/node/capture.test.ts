// captureListen(): the server of a module that listens, without a port.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { captureListen, fromNode, type ListenerFunction } from '../../src/node/index.ts';
import { call } from '../../src/testing/index.ts';

/** Fails the test where a listener that never answers would let it wait. */
const notCaptured: ListenerFunction = () => {
  throw new Error('captureListen() has found no server');
};

describe('captureListen()', () => {
  // The first test: timers of earlier ones that end meanwhile would look like the end of what this one waits for.
  test('waits for a server that listens late', async () => {
    const main = async () => {
      await sleep(50);
      createServer((_request, response) => response.end('late')).listen(4570);
    };
    const listener = await captureListen(() => void main());
    expect((await call(fromNode(listener ?? notCaptured))).text).toBe('late');
  });

  test("takes Fastify's server, whether or not listen() is awaited", async () => {
    for (const isAwaited of [true, false]) {
      const app = fastify().get('/', async () => 'captured');
      const listener = await captureListen(() => {
        const listening = app.listen({ port: 4569 });
        return isAwaited ? listening : undefined;
      });
      expect((await call(fromNode(listener ?? notCaptured))).text).toBe('captured');
      await expect(once(createConnection(4569, 'localhost'), 'connect')).rejects.toThrow('ECONNREFUSED');
    }
  });

  test('takes the server of a module that listens, and opens no port', async () => {
    let called = false;
    let address: unknown;
    const listener = await captureListen(() => {
      const server = createServer((_request, response) => response.end('captured'));
      server.listen(4567, '127.0.0.1', () => {
        called = true;
        address = server.address();
      });
    });
    expect([called, address]).toEqual([true, { address: '127.0.0.1', family: 'IPv4', port: 4567 }]);
    await expect(once(createConnection(4567, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect((await call(fromNode(listener ?? notCaptured))).text).toBe('captured');
  });

  test('takes the server of an Express application', async () => {
    const app = express().get('/', (_request, response) => void response.send('Express'));
    const listener = await captureListen(() => app.listen({ port: 4568 }));
    expect((await call(fromNode(listener ?? notCaptured))).text).toBe('Express');
  });

  test('resolves to undefined when nothing listens', async () => {
    expect(await captureListen(() => {})).toBeUndefined();
  });

  test('rejects when loading fails, and later servers open their ports', async () => {
    await expect(captureListen(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const server = createServer().listen(0);
    await once(server, 'listening');
    const probe = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
    await once(probe, 'connect');
    probe.destroy();
    server.close();
  });
});
