// Resident applications that fail, clients that leave, and processes that are told to end.

import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { isRunning, until } from '../../host/processes.ts';
import { header, open } from '../client.ts';
import { answers, get } from '../table.ts';
import {
  answering,
  CADDY,
  type Case,
  type Check,
  H2O,
  LIGHTTPD_SCGI,
  mark,
  NGINX_BUFFERED,
  PROXY_SCGI,
  read,
  type Site,
  STARTED_BY_SERVER,
} from './case.ts';

/** Servers that do not pass on that a response broke off. */
const HIDE_THE_BREAK = [
  ...NGINX_BUFFERED,
  'nginx fastcgi, kept and unbuffered',
  'Apache mod_fcgid',
  'lighttpd bin-path',
  'lighttpd mod_fastcgi',
  CADDY,
  H2O,
];
/** Servers that speak SCGI by TCP. The end of such a connection tells more than that of a Unix socket, and may overtake what was sent before. */
const SCGI_BY_PORT = ['nginx scgi, unbuffered', PROXY_SCGI, LIGHTTPD_SCGI];

/** A process that gets the signal while it has a request finishes that request, and ends. */
const finishesAndEnds =
  (signal: NodeJS.Signals): Check =>
  async (site) => {
    const file = mark(site);
    const answer = get(site, `/held?${file}`);
    const pid = Number(await until(() => read(file)));
    process.kill(pid, signal);
    writeFileSync(`${file}.go`, '');
    expect(await answer).toMatchObject({ status: 200, body: `held by ${pid}\n` });
    await until(() => !isRunning(pid));
    if (site.server.worker) site.run(site.server.worker(site));
    await answering(site);
  };
const logs =
  (text: string, act: (site: Site) => Promise<unknown>): Check =>
  async (site) => {
    await act(site);
    expect(await until(() => site.log().includes(text))).toBe(true);
  };

/** The client can tell. A reset takes along what the server has not read yet, and then the server answers with an error of its own. */
const breaksOff =
  (path: string): Check =>
  async (site) => {
    const { status, isWhole } = await get(site, path);
    expect(status >= 500 || !isWhole).toBe(true);
  };

/** Whether the client can tell is a matter of luck. */
const endsShort =
  (path: string): Check =>
  async (site) => {
    const { status, body } = await get(site, path);
    expect(status >= 500 || 'the beginning\n'.startsWith(body)).toBe(true);
  };

/** The server has given up the request that the application has not answered since the first case. */
const givesUp =
  (expected: number): Check =>
  async ({ late }) => {
    const answer = await late?.answer;
    if (late) writeFileSync(`${late.file}.go`, '');
    expect(answer?.status).toBe(expected);
  };

export const failures: Case[] = [
  // This comes first, because a process that is told to end waits for its requests.
  [
    'an application that does not answer in time is given up',
    givesUp(504),
    [STARTED_BY_SERVER, 'the process would be busy for the other cases', async ({ late }) => expect(late).toBeUndefined()],
    [[H2O], 'by another status', givesUp(503)],
  ],
  ["wsgi.errors is the server's log", logs('a word to the log', (site) => get(site, '/say?a%20word%20to%20the%20log'))],
  ['a megabyte for the log does not hold the response up', answers('/noise', {}, { body: 'noisy\n' })],
  [
    'an application that throws gives a bare 500, and the log has the cause',
    logs('thrown before the head', async (site) =>
      expect(await get(site, '/throw')).toMatchObject({ status: 500, body: '500 Internal Server Error\n' }),
    ),
  ],
  [
    'an application that throws after the head ends short, and the log has the cause',
    logs('thrown behind the head', answers('/throw-late', {}, { status: 200, body: 'the beginning\n' })),
    [SCGI_BY_PORT, 'the connection is reset', logs('thrown behind the head', endsShort('/throw-late'))],
  ],
  [
    'the client can tell that a response ended short',
    async (site) => expect((await get(site, '/throw-late')).isWhole).toBe(false),
    [
      HIDE_THE_BREAK,
      'it ends the response as if it were complete',
      async (site) => expect((await get(site, '/throw-late')).isWhole).toBe(true),
    ],
    [[LIGHTTPD_SCGI], 'it may have read all when the reset comes', endsShort('/throw-late')],
    [SCGI_BY_PORT, 'the connection is reset', breaksOff('/throw-late')],
  ],
  [
    'the client can tell by Content-Length that a response ended short',
    async (site) => {
      const answer = await get(site, '/throw-within-length');
      expect([header(answer, 'content-length'), answer.body]).toEqual([['100'], 'the beginning\n']);
    },
    [SCGI_BY_PORT, 'the connection is reset', breaksOff('/throw-within-length')],
  ],
  [
    'a client that leaves closes the body',
    async (site) => {
      const file = mark(site);
      const socket = open(site.port, `GET /app/endless?${file} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
      expect(await until(() => read(file))).toBe('closed');
      expect(site.log()).not.toMatch(/EPIPE|client-gone/);
    },
  ],
  ['the process has survived all failures', async (site) => expect(isRunning(site.pid)).toBe(true)],
  [
    "the server's log has no error about a response",
    async (site) => expect(site.log()).not.toMatch(/unsupported FastCGI|invalid header|unexpected record|Error parsing script headers/),
  ],
  ['SIGTERM: the running request is finished', finishesAndEnds('SIGTERM')],
  ['SIGUSR1: the running request is finished', finishesAndEnds('SIGUSR1')],
];
