// write.flushHeaders() behind every gateway: a client has the head while the application has no block yet.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { toFetch } from '../../src/fetch/index.ts';
import { runWithCgi } from '../../src/index.ts';
import { toNode } from '../../src/node/index.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';
import * as fastCgi from '../fastcgi/client.ts';
import { until } from '../host/processes.ts';
import * as scgi from '../scgi/client.ts';
import { serve } from '../server/raw.ts';
import { open } from '../servers/client.ts';

/** What a client has received so far, as a byte string. */
type Received = () => string;

function overHttp(port: number): Received {
  let received = '';
  const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').on('data', (piece) => {
    received += piece.toString('latin1');
  });
  onTestFinished(() => void socket.destroy());
  return () => received;
}

const gateways: Record<string, (application: ApplicationFunction) => Promise<Received>> = {
  async CGI(application) {
    let received = '';
    const write = (bytes: Uint8Array) => {
      received += Buffer.from(bytes).toString('latin1');
    };
    void runWithCgi(application, { environ: { REQUEST_METHOD: 'GET' }, stdin: '', stdout: { write } });
    return () => received;
  },
  async FastCGI(application) {
    const client = (await fastCgi.serve(application)).client().send(fastCgi.request(1));
    return () => client.received.toString('latin1');
  },
  async SCGI(application) {
    const client = (await scgi.serve(application)).client().send(scgi.request());
    return () => client.received;
  },
  makeServer: async (application) => overHttp((await serve(application)).port),
  async toNode(application) {
    const server = createServer(toNode(application)).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    return overHttp((server.address() as AddressInfo).port);
  },
  async toFetch(application) {
    let received = '';
    toFetch(application)(new Request('http://a/')).then(async ({ status, body }) => {
      received += `${status} X-Late: yes\r\n\r\n`;
      for await (const bytes of body ?? []) received += Buffer.from(bytes).toString('latin1');
    });
    return () => received;
  },
};

test.each(Object.entries(gateways))('%s', async (_name, ask) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const application = validator(async (_environ, startResponse) => {
    const write = startResponse('200 OK', [
      ['Content-Type', 'text/event-stream'],
      ['X-Late', 'yes'],
    ]);
    await write.flushHeaders?.();
    async function* body() {
      await released;
      yield 'data: first\n\n';
    }
    return body();
  });
  const received = await ask(application);
  await until(() => /X-Late: yes\r\n(?:.*\r\n)*\r\n/.test(received()));
  expect(received()).not.toContain('data');
  release();
  await until(() => received().includes('data: first\n\n'));
});
