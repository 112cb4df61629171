// What the tables of cases over real servers are made of, and the claims that CGI scripts and resident applications share.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, ask, header, type Question } from './client.ts';

/** Where a case asks. */
export interface Place {
  port: number;
  /** Comes before each path that a case asks for. */
  base: string;
}

export type Check<Site> = (site: Site) => Promise<void>;
/** What these servers do instead, and why. */
export type Instead<Site> = [servers: readonly string[], why: string, check: Check<Site>];
/** A claim without a check holds only for the servers that `instead` names. */
export type Case<Site> = [claim: string, check: Check<Site> | undefined, ...instead: Instead<Site>[]];

/** Declares a test for each case, on the server of that name. Calls `siteOf` when a test runs. */
export function testCases<Site>(cases: readonly Case<Site>[], server: string, siteOf: () => Site): void {
  for (const [claim, check, ...instead] of cases) {
    const other = instead.find(([names]) => names.includes(server));
    const run = other ? other[2] : check;
    if (run) test(other ? `${claim} — here: ${other[1]}` : claim, () => run(siteOf()));
  }
}

export function get({ port, base }: Place, path: string, question: Question = {}): Promise<Answer> {
  return ask(port, { path: `${base}${path}`, ...question });
}

export const answers =
  (path: string, question: Question, expected: Partial<Answer>): Check<Place> =>
  async (site) =>
    expect(await get(site, path, question)).toMatchObject({ status: 200, ...expected });

/** 20 MB. */
export const big = Buffer.alloc(20_000_000, 'abcdefghijk');

/** An HTTP server that answers with the path it is asked for. */
const upstream = createServer(({ url = '' }, response) => {
  response.setHeader('Content-Type', 'text/plain').end(url.replace(/\?.*/, ''));
});

/** Runs the server that `seesPath` needs while the tests of a file run. */
export function withUpstream(): void {
  beforeAll(async () => {
    await once(upstream.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => {
    upstream.close();
  });
}

/** The path that each adapter sees when it is asked for `asked`. The application of adapted.ts is at the path `adapters`. */
export const seesPath =
  (adapters: string, asked: string, seen: string): Check<Place> =>
  async (site) => {
    const { port } = upstream.address() as AddressInfo;
    for (const adapter of ['fetch', 'node', 'forward']) {
      const { status, body } = await get(site, `${adapters}/${adapter}${asked}?${port}`);
      expect([adapter, status, body]).toEqual([adapter, 200, seen]);
    }
  };

export const claimOfPath = (asked: string): string => `the path ${JSON.stringify(asked)}, by every adapter`;

/** Statuses that have a Location. */
export const LOCATED = [
  ...['301 Moved Permanently', '302 Found', '303 See Other', '307 Temporary Redirect', '308 Permanent Redirect', '201 Created'],
];

/** Locations of every form; `local` is a path on the same server. */
export const locationsWith = (local: string): string[] => [
  ...['next', '../next?a=b', '?q', '#f', local, '//other.example/', 'https://other.example/a%2Fb?c#d'],
];

export interface Located {
  status: string;
  locations: readonly string[];
  /** The status that the client gets, where it is another. */
  got?: number;
  /** Whether the client gets the Location. Default: true. */
  isKept?: boolean;
}

/** The status and the Location that a client gets. The application `redirecting` of adapted.ts is at the path `at`. */
export const located =
  (at: string, { status, locations, got = Number.parseInt(status, 10), isKept = true }: Located): Check<Place> =>
  async (site) => {
    for (const location of locations) {
      const answer = await get(site, `${at}?${encodeURIComponent(status)}&${encodeURIComponent(location)}`);
      expect([answer.status, header(answer, 'location'), answer.body]).toEqual([got, isKept ? [location] : [], 'the page\n']);
    }
  };
