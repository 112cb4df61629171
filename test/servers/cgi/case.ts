// What the cases of CGI scripts have in common: the names of the servers, and how a case asks.

import { expect } from 'vitest';
import type { Question } from '../client.ts';
import type { Running } from '../servers.ts';
import { answers, get, type Place, type Case as TableCase, type Check as TableCheck, type Instead as TableInstead } from '../table.ts';

export const APACHE = ['Apache mod_cgid', 'Apache mod_cgi'];
export const BUSYBOX = 'busybox httpd';
export const HAPROXY = 'HAProxy with fcgiwrap';
export const LIGHTTPD = 'lighttpd';
export const NGINX = 'nginx with fcgiwrap';
export const OURS = 'the development server';
export const PYTHON = 'Python http.server';

/** A server with the scripts in its cgi-bin. */
export interface Site extends Running, Place {}
export type Check = TableCheck<Site>;
export type Instead = TableInstead<Site>;
export type Case = TableCase<Site>;

/** environ as environ.cgi shows it. */
export async function environ(site: Site, path = 'environ.cgi', question: Question = {}): Promise<Record<string, string>> {
  const { body } = await get(site, path, question);
  return Object.fromEntries(body.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

export const shows =
  (path: string, text: string): Check =>
  async (site) =>
    expect((await get(site, path)).body).toContain(text);

export const always200 = (path: string, question: Question, body: string): Instead => [
  [PYTHON],
  'its status is 200 whatever the script says',
  answers(path, question, { status: 200, body }),
];
