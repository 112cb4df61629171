// The path that a script gets: byte for byte as the client sent it, where the server passes it on.

import { expect } from 'vitest';
import { answers, claimOfPath, seesPath } from '../table.ts';
import { APACHE, BUSYBOX, type Case, environ, HAPROXY, type Instead, LIGHTTPD, NGINX, OURS, PYTHON, shows } from './case.ts';

const ADAPTERS = 'paths.cgi';
const path = (asked: string, seen: string, ...instead: Instead[]): Case => [
  claimOfPath(asked),
  seesPath(ADAPTERS, asked, seen),
  ...instead,
];

export const paths: Case[] = [
  [
    'a path keeps its bytes',
    async (site) => {
      expect((await environ(site, 'environ.cgi/%C3%A9')).PATH_INFO).toBe('/\xc3\xa9');
      expect((await environ(site, 'environ.cgi/%E9')).PATH_INFO).toBe('/\xe9');
    },
    [
      [PYTHON],
      'it decodes paths as UTF-8, and loses what is not',
      async (site) => {
        expect((await environ(site, 'environ.cgi/%C3%A9')).PATH_INFO).toBe('/\xc3\xa9');
        expect((await environ(site, 'environ.cgi/%E9')).PATH_INFO).toBe('/\xef\xbf\xbd');
      },
    ],
  ],
  path('/greet/J%C3%B6rg', '/greet/J%C3%B6rg'),
  path(
    '/greet/J\xc3\xb6rg',
    '/greet/J%C3%B6rg',
    [
      [PYTHON],
      'it takes bytes for ISO-8859-1, and makes UTF-8 of them',
      seesPath(ADAPTERS, '/greet/J\xc3\xb6rg', '/greet/J%C3%83%C2%B6rg'),
    ],
    [[OURS, HAPROXY], 'it takes no such request', answers('paths.cgi/fetch/J\xc3\xb6rg', {}, { status: 400 })],
  ),
  path('/%E9', '/%E9', [[PYTHON], 'it decodes paths as UTF-8, and loses what is not', seesPath(ADAPTERS, '/%E9', '/%EF%BF%BD')]),
  path('/a%20b', '/a%20b'),
  path('/100%25', '/100%25'),
  path('/%2541', '/%2541', [[PYTHON], 'it decodes paths twice', seesPath(ADAPTERS, '/%2541', '/A')]),
  path(
    '/a%2Fb',
    '/a%2Fb',
    [['Apache mod_cgid'], 'it knows no such path', shows('paths.cgi/fetch/a%2Fb', 'REDIRECT_STATUS=404\n')],
    [[BUSYBOX], 'it knows no such path', answers('paths.cgi/fetch/a%2Fb', {}, { status: 404 })],
    [[PYTHON], 'it has no REQUEST_URI', seesPath(ADAPTERS, '/a%2Fb', '/a/b')],
  ),
  path('/a/../b', '/b'),
  path('/a/%2e%2E/b', '/b'),
  path('/a%5C..%5Cb', '/a%5C..%5Cb'),
  path('/a;b=c,d@e:f', '/a;b=c,d@e:f'),
  path('//a//b', '//a//b', [[...APACHE, LIGHTTPD, BUSYBOX, NGINX, PYTHON], 'it makes one of them', seesPath(ADAPTERS, '//a//b', '/a/b')]),
];
