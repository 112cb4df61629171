// One table of cases over all real servers that run CGI scripts. What a server does differently stands in the table, with the
// reason, and is checked as well. The table is in cgi/, by what its cases claim.

import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import type { Site } from './cgi/case.ts';
import { failures } from './cgi/failures.ts';
import { paths } from './cgi/paths.ts';
import { requests } from './cgi/requests.ts';
import { responses } from './cgi/responses.ts';
import { servers, start } from './servers.ts';
import { testCases, withUpstream } from './table.ts';

/** The runtime in the scripts where they are executables that have it in them; else Node runs them. */
const runtime = (['node', 'bun'] as const).find((name) => name === process.env.SERVED_SCRIPTS);
const served = runtime ? servers.filter(({ name }) => /^(?:Apache|lighttpd|busybox)/.test(name)) : servers;
const built = mkdtempSync(join(tmpdir(), 'run-with-cgi-built-'));

withUpstream();
beforeAll(async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const sources = readdirSync(join(root, 'cgi-bin')).map((name) => join(root, 'cgi-bin', name));
  for (const source of [...sources, join(root, 'test/servers/probe.ts'), join(root, 'test/servers/paths.ts')]) {
    const script = join(built, source.replace(/^.*\/(.*)\.ts$/, '$1.cgi'));
    await buildScript(source, script, runtime ? { standalone: 'host', runtime } : {});
  }
}, 180_000);
afterAll(() => rmSync(built, { recursive: true }));

describe.each(served)('$name', (server) => {
  let site: Site;
  beforeAll(async () => {
    const running = await start(server, (cgiBin) => {
      for (const name of readdirSync(built)) if (name.endsWith('.cgi')) linkSync(join(built, name), join(cgiBin, name));
      const books = readdirSync(tmpdir()).filter((name) => name.startsWith('guestbook-'));
      for (const name of books) rmSync(join(tmpdir(), name), { recursive: true });
      // As in most projects.
      writeFileSync(join(cgiBin, 'package.json'), '{ "type": "module" }\n');
    });
    site = { ...running, base: '/cgi-bin/' };
  });
  afterAll(() => site?.stop());

  const { only } = server;
  const all = [...responses, ...requests, ...paths, ...failures];
  testCases(only ? all.filter(([claim]) => only.test(claim)) : all, server.name, () => site);
});

test('the scripts that are served are those that were built', () => {
  expect(readFileSync(join(built, 'hello.cgi'), 'latin1')).toMatch(runtime ? /^\x7fELF/ : /^#!\/bin\/sh -\n/);
});
