// What the cases of resident applications have in common: the names of the servers, and how a case asks.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Answer } from '../client.ts';
import type { ResidentServer } from '../resident-servers.ts';
import type { Running } from '../servers.ts';
import { get, type Place, type Case as TableCase, type Check as TableCheck, type Instead as TableInstead } from '../table.ts';

export const NGINX_BUFFERED = ['nginx fastcgi', 'nginx scgi'];
export const NGINX = [...NGINX_BUFFERED, 'nginx fastcgi, kept and unbuffered', 'nginx scgi, unbuffered'];
export const PROXY_FCGI = 'Apache mod_proxy_fcgi';
export const PROXY_SCGI = 'Apache mod_proxy_scgi';
export const APACHE = [PROXY_FCGI, PROXY_SCGI, 'Apache mod_fcgid'];
export const LIGHTTPD_SCGI = 'lighttpd mod_scgi';
export const LIGHTTPD = ['lighttpd bin-path', 'lighttpd mod_fastcgi', LIGHTTPD_SCGI];
export const CADDY = 'Caddy';
export const HAPROXY = 'HAProxy';
export const H2O = 'h2o';
/** Servers that start the application themselves. */
export const STARTED_BY_SERVER = ['Apache mod_fcgid', 'lighttpd bin-path'];

/** A server, and a process of its application. */
export interface Site extends Running, Place {
  server: ResidentServer;
  pid: number;
  /** A request that the application answers when there is a file of this name with ".go" behind it. */
  late: { file: string; answer: Promise<Answer> } | undefined;
}
export type Check = TableCheck<Site>;
export type Instead = TableInstead<Site>;
export type Case = TableCase<Site>;

/** environ as the application has it, its strings byte strings. */
export async function environ(site: Place, path: string, headers: string[] = []): Promise<Record<string, unknown>> {
  const { body } = await get(site, path, { headers });
  return JSON.parse(Buffer.from(body, 'latin1').toString());
}

/** What environ has, among others, when `path` is asked for with these headers. */
export const has =
  (path: string, headers: string[], expected: Record<string, unknown>): Check =>
  async (site) =>
    expect(await environ(site, path, headers)).toMatchObject(expected);

let marks = 0;

/** Returns the path of a new file by which a request and its test tell each other how far they are. */
export function mark({ folder }: Running): string {
  return join(folder, 'marks', String(++marks));
}

export function read(file: string): string {
  return readFileSync(file, 'latin1');
}

/** Waits until the server answers: it may have to notice that there is a new process. */
export async function answering(site: Running & Place): Promise<void> {
  for (let tries = 0; (await get(site, '/hello')).status !== 200; tries++) {
    if (tries === 400) throw new Error(`${site.base} never answered:\n${site.log()}`);
    await sleep(50);
  }
}
