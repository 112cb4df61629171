// FastCGI and SCGI behind Apache and lighttpd, which differ from nginx in what they say of the path, and in
// when they send the body.

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
import { ask, header } from '../servers/client.ts';
import { type RealServer, type Running, start } from '../servers/servers.ts';

const violations: ContractError[] = [];

const application: ApplicationFunction = validator(
  (environ, startResponse) => {
    const headers: [string, string][] = [
      ['Content-Type', 'text/plain'],
      ['X-Path', `${environ.PATH_INFO} ${environ.QUERY_STRING}`],
    ];
    const body = environ['wsgi.input'].read();
    startResponse('200 OK', headers);
    if (environ.PATH_INFO.endsWith('/stream')) {
      return (async function* () {
        for (const block of ['one', 'two', 'three']) {
          yield block;
          await sleep(100);
        }
      })();
    }
    return `${environ.REQUEST_METHOD} ${body.length} ${environ.HTTP_X ?? ''}`;
  },
  { report: (violation) => violations.push(violation) },
);

const ports = { fastcgi: 0, scgi: 0 };

const apache: RealServer = {
  name: 'Apache',
  commands({ folder, port }) {
    writeFileSync(
      join(folder, 'httpd.conf'),
      `ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
ErrorLog ${folder}/logs/error.log
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
LoadModule proxy_scgi_module /usr/lib/apache2/modules/mod_proxy_scgi.so
DocumentRoot ${folder}/root
ProxyPass /fastcgi/ fcgi://127.0.0.1:${ports.fastcgi}/ enablereuse=on flushpackets=on
ProxyPass /once/ fcgi://127.0.0.1:${ports.fastcgi}/ flushpackets=on
ProxyPass /scgi/ scgi://127.0.0.1:${ports.scgi}/ flushpackets=on
`,
    );
    return [['/usr/sbin/apache2', '-f', join(folder, 'httpd.conf'), '-DFOREGROUND']];
  },
};

const lighttpd: RealServer = {
  name: 'lighttpd',
  commands({ folder, port }) {
    const server = (to: number) => `(( "host" => "127.0.0.1", "port" => ${to}, "check-local" => "disable" ))`;
    writeFileSync(
      join(folder, 'lighttpd.conf'),
      `server.document-root = "${folder}/root"
server.bind = "127.0.0.1"
server.port = ${port}
server.username = "www-data"
server.groupname = "www-data"
server.modules = ( "mod_fastcgi", "mod_scgi" )
server.errorlog = "${folder}/logs/error.log"
server.breakagelog = "${folder}/logs/breakage.log"
server.stream-response-body = 1
server.stream-request-body = 1
fastcgi.server = ( "/fastcgi/" => ${server(ports.fastcgi)} )
scgi.server = ( "/scgi/" => ${server(ports.scgi)} )
`,
    );
    return [['/usr/sbin/lighttpd', '-D', '-f', join(folder, 'lighttpd.conf')]];
  },
};

describe.each([
  { server: apache, places: ['fastcgi', 'once', 'scgi'] },
  { server: lighttpd, places: ['fastcgi', 'scgi'] },
])('$server.name', ({ server, places }) => {
  let site: Running;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const options: ResidentOptions = { errors: { write: () => {} }, port: 0, scriptName: '' };
    const gateways = [serveFastCgi(application, options), serveScgi(application, options)] as const;
    await Promise.all(gateways.map((gateway) => once(gateway, 'listening')));
    ports.fastcgi = (gateways[0].address() as AddressInfo).port;
    ports.scgi = (gateways[1].address() as AddressInfo).port;
    site = await start(server, () => {});
    stop = async () => {
      const ends = gateways.map((gateway) => once(gateway.close(), 'close'));
      await site.stop();
      await Promise.all(ends);
    };
  });

  afterAll(() => stop());

  test.each(places)('/%s/: answers requests, with the whole path in PATH_INFO', async (place) => {
    for (let count = 0; count < 10; count++) {
      const answer = await ask(site.port, { path: `/${place}/a%20b?${count}`, headers: [`X: ${count}`] });
      expect([answer.status, answer.body]).toEqual([200, `GET 0 ${count}`]);
      expect(header(answer, 'x-path')).toEqual([`/${place}/a b ${count}`]);
    }
  });

  test.each(places)('/%s/: takes an upload of 5 MB, HEAD, and many at a time', async (place) => {
    const body = Buffer.alloc(5_000_000, 1);
    expect((await ask(site.port, { method: 'POST', path: `/${place}/`, body })).body).toBe('POST 5000000 ');
    expect((await ask(site.port, { method: 'HEAD', path: `/${place}/` })).body).toBe('');
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(site.port, { path: `/${place}/` })));
    expect(answers.map((answer) => answer.body)).toEqual(Array.from({ length: 50 }, () => 'GET 0 '));
  });

  test.each(places)('/%s/: sends each block as it comes', async (place) => {
    const { body, arrivals } = await ask(site.port, { path: `/${place}/stream` });
    expect(body).toBe('onetwothree');
    expect(arrivals.at(-1)).toBeGreaterThan(150);
  });

  test('the gateway has kept to the contract', () => expect(violations).toEqual([]));
});
