// Scripts that fail, clients that leave, and what is left of a process when its response is out.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { until } from '../../host/processes.ts';
import { open } from '../client.ts';
import { answers, big, get } from '../table.ts';
import { APACHE, always200, type Case, LIGHTTPD, NGINX, OURS, type Site } from './case.ts';

const ERROR = '500 Internal Server Error\n';

const marked = (site: Site, name: string): Promise<boolean> => until(() => existsSync(join(site.folder, 'marks', name)));

/** How many scripts of this site there are. */
function running(site: Site): number {
  const commands = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return commands.filter((pid) => commandLine(pid).includes(`${site.folder}/root/cgi-bin/`)).length;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return ''; // it has just ended
  }
}

export const failures: Case[] = [
  ...[
    'throw',
    'reject',
    'throw-after-start',
    'uncaught',
    'unhandled-rejection',
    'no-start',
    'never',
    'exit',
    'bad-status',
    'bad-header',
    'hop-by-hop',
  ].map(
    (path): Case => [
      `broken: ${path} is a bare 500`,
      answers(`broken.cgi/${path}`, {}, { status: 500, body: ERROR }),
      always200(`broken.cgi/${path}`, {}, ERROR),
    ],
  ),
  ...['throw-in-body', 'exit-in-body'].map(
    (path): Case => [`broken: ${path} ends short, with nothing glued on`, answers(`broken.cgi/${path}`, {}, { body: 'the beginning\n' })],
  ),
  ['broken: no-body', answers('broken.cgi/no-body', {}, { body: '' })],
  ['broken: too-long is cut', answers('broken.cgi/too-long', {}, { body: 'more' })],
  ['broken: too-short breaks off', answers('broken.cgi/too-short', {}, { body: 'less\n' })],
  ['broken: print does not reach the client', answers('broken.cgi/print', {}, { body: 'only this\n' })],
  [
    'the log has the cause',
    async (site) => {
      await get(site, 'broken.cgi/throw');
      await get(site, 'broken.cgi/print');
      const has = (text: string) => until(() => site.log().includes(text));
      expect([await has('thrown before startResponse()'), await has('printed by console.log')]).toEqual([true, true]);
    },
  ],
  ['a megabyte for the log does not hold the response up', answers('probe.cgi/noise', {}, { body: 'noisy\n' })],
  [
    'a child process that lives on, or an open handle, does not hold the response open',
    async (site) => {
      const before = Date.now();
      expect((await get(site, 'broken.cgi/child')).body).toBe('a child lives on\n');
      expect((await get(site, 'broken.cgi/open-handle')).body).toBe('a timer lives on\n');
      expect(Date.now() - before).toBeLessThan(4000);
    },
  ],
  ...['slow-close', 'slow-close-with-length'].map(
    (path): Case => [
      `lighttpd: ${path} is done although the server says SIGTERM`,
      async (site) => {
        expect((await get(site, `probe.cgi/${path}`)).body).toBe('done\n');
        expect(await marked(site, path)).toBe(true);
      },
    ],
  ),
  [
    'a client that leaves ends the script, and close() runs',
    async (site) => {
      const socket = open(site.port, 'GET /cgi-bin/probe.cgi/endless HTTP/1.1\r\nHost: a\r\n\r\n');
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
      await marked(site, 'endless');
      expect(site.log()).not.toMatch(/EPIPE|client-gone/);
    },
  ],
  [
    'an upload that breaks off is an error for the script',
    async (site) => {
      const socket = open(
        site.port,
        Buffer.concat([
          Buffer.from('POST /cgi-bin/probe.cgi/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n'),
          big.subarray(0, 300_000),
        ]),
      );
      await sleep(300);
      socket.destroy();
      expect(await marked(site, 'body-ended-early')).toBe(true);
    },
    [
      APACHE,
      'it ends the script by SIGTERM together with the body',
      async (site) => {
        const socket = open(site.port, 'POST /cgi-bin/probe.cgi/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nabc');
        await until(() => running(site) === 1);
        socket.destroy();
        expect(await until(() => running(site) === 0)).toBe(true);
      },
    ],
    [
      [LIGHTTPD, NGINX, OURS],
      'it starts the script only with a whole body',
      async (site) => expect(existsSync(join(site.folder, 'marks/body-ended-early'))).toBe(false),
    ],
  ],
];
