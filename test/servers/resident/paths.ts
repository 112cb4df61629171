// The path that a resident application gets: byte for byte as the client sent it, where the server passes it on.

import { expect } from 'vitest';
import { ask, header } from '../client.ts';
import { answers, claimOfPath, get, seesPath } from '../table.ts';
import { APACHE, type Case, type Check, HAPROXY, has, type Instead, LIGHTTPD, NGINX } from './case.ts';

const ADAPTERS = '/adapters';
const byAdapters = (asked: string, seen: string, ...instead: Instead[]): Case => [
  claimOfPath(asked),
  seesPath(ADAPTERS, asked, seen),
  ...instead,
];

/** The path that the application sees, where it is told about "/app" apart from the rest. */
const hasPath = (asked: string, seen: string): Check => has(asked, [], { SCRIPT_NAME: '/app', PATH_INFO: seen });

export const paths: Case[] = [
  ['a path: the root', hasPath('/', '/')],
  [
    'a path: that of the application, without a slash',
    hasPath('', ''),
    [
      [...NGINX, ...LIGHTTPD],
      'it leads to the one with a slash',
      async (site) => {
        const answer = await get(site, '?a=b');
        expect([answer.status, header(answer, 'location')]).toEqual([301, [expect.stringMatching(/^(?:http:\/\/[^/]+)?\/app\/\?a=b$/)]]);
      },
    ],
  ],
  ['a path: %20', hasPath('/a%20b', '/a b')],
  ['a path: %2F', hasPath('/a%2Fb', '/a/b'), [APACHE, 'it knows no such path', answers('/a%2Fb', {}, { status: 404 })]],
  ['a path: UTF-8', hasPath('/%C3%A9', '/\xc3\xa9')],
  ['a path: ISO-8859-1', hasPath('/%E9', '/\xe9')],
  ['a path: //', hasPath('/a//b', '/a//b'), [[...NGINX, ...APACHE, ...LIGHTTPD], 'it makes one of them', hasPath('/a//b', '/a/b')]],
  ['a path: .., which Caddy and HAProxy leave to the application', hasPath('/a/../b', '/b')],
  byAdapters('/greet/J%C3%B6rg', '/greet/J%C3%B6rg'),
  byAdapters('/greet/J\xc3\xb6rg', '/greet/J%C3%B6rg', [
    [HAPROXY],
    'it takes no such request',
    answers('/adapters/fetch/J\xc3\xb6rg', {}, { status: 400 }),
  ]),
  byAdapters('/%E9', '/%E9'),
  byAdapters('/a%20b', '/a%20b'),
  byAdapters('/100%25', '/100%25'),
  byAdapters('/%2541', '/%2541'),
  byAdapters('/a%2Fb', '/a%2Fb', [APACHE, 'it knows no such path', answers('/adapters/fetch/a%2Fb', {}, { status: 404 })]),
  byAdapters('/a/../b', '/b'),
  byAdapters('/a/%2e%2E/b', '/b'),
  byAdapters('/a%5C..%5Cb', '/a%5C..%5Cb'),
  byAdapters('/a;b=c,d@e:f', '/a;b=c,d@e:f'),
  byAdapters('//a//b', '//a//b', [[...NGINX, ...APACHE, ...LIGHTTPD], 'it makes one of them', seesPath(ADAPTERS, '//a//b', '/a/b')]),
  [
    "a path that only begins like the application's is not its own",
    async (site) => expect((await ask(site.port, { path: '/application' })).body).not.toContain('wsgi.run_once'),
  ],
  ['a query is left as it is', has('/?a=%20b&c=%C3%A9+d', [], { QUERY_STRING: 'a=%20b&c=%C3%A9+d' })],
];
