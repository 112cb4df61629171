// FastCGI and SCGI behind the real nginx: over a Unix socket and over TCP, one request a connection and many.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveFastCgi } from '../../src/fastcgi/index.ts';
import type { ResidentOptions } from '../../src/resident/gateway.ts';
import { serveScgi } from '../../src/scgi/index.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { type ContractError, validator } from '../../src/validator/index.ts';
import { until } from '../host/processes.ts';
import { ask, header, open } from '../servers/client.ts';
import { type RealServer, type Running, start } from '../servers/servers.ts';

const PLAIN: [string, string][] = [['Content-Type', 'text/plain']];

/** What the application has noticed, by the protocol that brought the request. */
const closed: string[] = [];
const violations: ContractError[] = [];
let connections = 0;

const application: ApplicationFunction = validator(
  (environ, startResponse) => {
    const path = environ.PATH_INFO;
    if (path === '/upload') {
      const body = environ['wsgi.input'].read();
      startResponse('200 OK', PLAIN);
      return `${body.length} ${body.at(0)} ${body.at(-1)}`;
    }
    if (path === '/fail') throw new Error('the cause');
    if (path === '/errors') environ['wsgi.errors'].write(`${'x'.repeat(Number(environ.QUERY_STRING))}\n`);
    if (path === '/stream' || path === '/endless') {
      startResponse('200 OK', PLAIN);
      return (async function* () {
        try {
          for (let count = 0; path === '/endless' || count < 3; count++) {
            yield `block ${count}\n`;
            await sleep(100);
          }
        } finally {
          closed.push(environ.SCRIPT_NAME + path);
        }
      })();
    }
    if (path === '/large') {
      startResponse('200 OK', PLAIN);
      return Buffer.alloc(20_000_000, 'abcdefg');
    }
    startResponse('200 OK', [...PLAIN, ['X-Path', `${environ.SCRIPT_NAME} ${path} ${environ.QUERY_STRING}`]]);
    return `hello ${environ.REQUEST_METHOD} ${environ.HTTP_X ?? ''}`;
  },
  { report: (violation) => violations.push(violation) },
);

const ports = { fastcgi: 0, scgi: 0 };

const nginx: RealServer = {
  name: 'nginx',
  commands({ folder, port }) {
    const location = (path: string, kind: 'fastcgi' | 'scgi', more: string) => `
    location /${path}/ {
      include /etc/nginx/${kind}_params;
      ${kind}_param SCRIPT_NAME /${path};
      ${kind}_param PATH_INFO $rest;
      ${kind}_param HTTP_X $http_x;
      ${kind}_buffering off;
      ${more}
    }`;
    writeFileSync(
      join(folder, 'nginx.conf'),
      `user www-data;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/logs/error.log;
events {}
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${folder}/body;
  fastcgi_temp_path ${folder}/fastcgi;
  proxy_temp_path ${folder}/proxy;
  scgi_temp_path ${folder}/scgi;
  uwsgi_temp_path ${folder}/uwsgi;
  upstream kept { server unix:${folder}/fastcgi.sock; keepalive 4; }
  upstream kept-tcp { server 127.0.0.1:${ports.fastcgi}; keepalive 4; }
  map $uri $rest { ~^/[^/]+(?<path>/.*)$ $path; }
  server {
    listen 127.0.0.1:${port};
    ${location('fastcgi-unix', 'fastcgi', `fastcgi_pass unix:${folder}/fastcgi.sock;`)}
    ${location('fastcgi-tcp', 'fastcgi', `fastcgi_pass 127.0.0.1:${ports.fastcgi};`)}
    ${location('fastcgi-kept', 'fastcgi', 'fastcgi_keep_conn on; fastcgi_pass kept;')}
    ${location('fastcgi-kept-tcp', 'fastcgi', 'fastcgi_keep_conn on; fastcgi_pass kept-tcp;')}
    ${location('fastcgi-unbuffered', 'fastcgi', `fastcgi_request_buffering off; fastcgi_pass unix:${folder}/fastcgi.sock;`)}
    ${location('scgi-unix', 'scgi', `scgi_param CONTENT_LENGTH $content_length; scgi_pass unix:${folder}/scgi.sock;`)}
    ${location('scgi-tcp', 'scgi', `scgi_pass 127.0.0.1:${ports.scgi};`)}
  }
}
`,
    );
    return [['/usr/sbin/nginx', '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;']];
  },
};

let site: Running;
let stop: () => Promise<void>;

beforeAll(async () => {
  const options: ResidentOptions = { errors: { write: () => {} } };
  const byPort = [serveFastCgi(application, { ...options, port: 0 }), serveScgi(application, { ...options, port: 0 })] as const;
  await Promise.all(byPort.map((server) => once(server, 'listening')));
  ports.fastcgi = (byPort[0].address() as AddressInfo).port;
  ports.scgi = (byPort[1].address() as AddressInfo).port;
  site = await start(nginx, () => {});
  const place = (name: string) => ({ ...options, socket: join(site.folder, `${name}.sock`), mode: 0o666 });
  const byPath = [serveFastCgi(application, place('fastcgi')), serveScgi(application, place('scgi'))];
  await Promise.all(byPath.map((server) => once(server, 'listening')));
  const all = [...byPort, ...byPath];
  for (const server of all) server.on('connection', () => connections++);
  stop = async () => {
    const ends = all.map((server) => once(server.close(), 'close'));
    await site.stop();
    await Promise.all(ends);
  };
});

// That it ends shows that no connection is left behind.
afterAll(() => stop());

describe.each(['fastcgi-unix', 'fastcgi-tcp', 'fastcgi-kept', 'fastcgi-kept-tcp', 'fastcgi-unbuffered', 'scgi-unix', 'scgi-tcp'])(
  '%s',
  (name) => {
    const isScgi = name.startsWith('scgi');

    test('answers one request after the other', async () => {
      const before = connections;
      for (let count = 0; count < 10; count++) {
        const answer = await ask(site.port, { path: `/${name}/a%20b?${count}`, headers: [`X: ${count}`] });
        expect([answer.status, answer.body, header(answer, 'x-path')]).toEqual([200, `hello GET ${count}`, [`/${name} /a b ${count}`]]);
      }
      expect(connections - before).toBeLessThanOrEqual(name.includes('kept') ? 1 : 10);
    });

    test('answers many at a time', async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, count) => ask(site.port, { path: `/${name}/`, headers: [`X: ${count}`] })),
      );
      expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, count) => `hello GET ${count}`));
    });

    test('takes an upload of 20 MB, and sends as much', async () => {
      const body = Buffer.alloc(20_000_000, 1);
      body[0] = 7;
      body[body.length - 1] = 9;
      expect((await ask(site.port, { method: 'POST', path: `/${name}/upload`, body })).body).toBe('20000000 7 9');
      const answer = await ask(site.port, { path: `/${name}/large` });
      expect(answer.body === Buffer.alloc(20_000_000, 'abcdefg').toString()).toBe(true);
    });

    test('takes a chunked upload', async () => {
      const body = '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';
      const answer = await ask(site.port, { method: 'POST', path: `/${name}/upload`, headers: ['Transfer-Encoding: chunked'], body });
      expect(answer.body).toBe('5 97 101');
    });

    test('answers HEAD without a body, with the length that GET has', async () => {
      const answer = await ask(site.port, { method: 'HEAD', path: `/${name}/` });
      expect([answer.status, header(answer, 'content-length'), answer.body]).toEqual([200, ['11'], '']);
    });

    test('sends each block as it comes', async () => {
      const { body, arrivals } = await ask(site.port, { path: `/${name}/stream` });
      expect(body).toBe('block 0\nblock 1\nblock 2\n');
      expect(arrivals.at(-1)).toBeGreaterThan(150);
    });

    test('answers a failure with 500, and nginx logs the cause', async () => {
      expect((await ask(site.port, { path: `/${name}/fail` })).status).toBe(500);
      if (!isScgi) await until(() => site.log().includes('FastCGI sent in stderr: "fastcgi: Error: the cause'));
    });

    test.each([10, 5_000, 100_000])('wsgi.errors with %i bytes harms no response', async (size) => {
      expect((await ask(site.port, { path: `/${name}/errors?${size}` })).body).toBe('hello GET ');
    });

    test('interrupts the application when the client leaves', async () => {
      const socket = open(site.port, `GET /${name}/endless HTTP/1.1\r\nHost: a\r\n\r\n`);
      await once(socket, 'data');
      socket.destroy();
      await until(() => closed.includes(`/${name}/endless`));
    });
  },
);

test('the gateway has kept to the contract', async () => {
  expect(violations).toEqual([]);
  // nginx names what it did not understand.
  expect(site.log()).not.toMatch(/unsupported FastCGI|unexpected|invalid header|prematurely/);
});
