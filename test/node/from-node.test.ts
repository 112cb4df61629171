// Listeners of node:http as applications: which ones there are, and what happens when a client or a listener fails.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { fromNode, type ListenerFunction } from '../../src/node/index.ts';
import { call } from '../../src/testing/index.ts';
import { until } from '../host/processes.ts';
import { serve } from '../server/raw.ts';
import { open } from '../servers/client.ts';

test('when a client leaves, the request is aborted, and request and response are closed', async () => {
  const events: string[] = [];
  const { port } = await serve(
    fromNode((request: IncomingMessage, response: ServerResponse) => {
      request.on('aborted', () => events.push('aborted')).on('error', (error) => events.push(error.message));
      response.on('close', () => events.push(`close ${response.writableFinished}`));
      const timer = setInterval(() => response.write('x'.repeat(1000)), 5);
      response.on('close', () => clearInterval(timer));
    }),
  );
  const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await until(() => events.length === 3);
  expect(events.toSorted()).toEqual(['aborted', 'aborted', 'close false']);
});

test('a server whose listener rejects, or that has no listener, gives 500', async () => {
  const rejecting = createServer(async () => {
    throw new Error('rejected');
  });
  expect((await call(fromNode(rejecting))).errors).toContain('Error: rejected');
  expect((await call(fromNode(createServer()))).errors).toContain('[listener-not-node]');
});

test('a value that is no listener is refused', () => {
  expect(() => fromNode({} as ListenerFunction)).toThrow(
    'A Node listener must be a function (req, res), a Koa application, a Fastify instance or an http.Server, got an object of Object',
  );
});
