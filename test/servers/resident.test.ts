// One table of cases over all real servers that speak FastCGI or SCGI. What a server does differently stands in the table, with
// the reason, and is checked as well. The table is in resident/, by what its cases claim.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { answering, environ, mark, type Site, STARTED_BY_SERVER } from './resident/case.ts';
import { failures } from './resident/failures.ts';
import { paths } from './resident/paths.ts';
import { requests } from './resident/requests.ts';
import { responses } from './resident/responses.ts';
import { servers } from './resident-servers.ts';
import { start } from './servers.ts';
import { get, testCases, withUpstream } from './table.ts';

const built = mkdtempSync(join(tmpdir(), 'run-with-cgi-resident-'));

withUpstream();
beforeAll(async () => {
  await buildScript(fileURLToPath(new URL('resident-probe.ts', import.meta.url)), join(built, 'app.cgi'), { exportName: 'application' });
});
afterAll(() => rmSync(built, { recursive: true }));

describe.each(servers)('$name', (server) => {
  let site: Site;
  beforeAll(async () => {
    const running = await start(server, (cgiBin) => copyFileSync(join(built, 'app.cgi'), join(cgiBin, 'app.cgi')));
    site = { ...running, base: '/app', server, pid: 0, late: undefined };
    await answering(site);
    site.pid = Number((await environ(site, '/')).pid);
    if (STARTED_BY_SERVER.includes(server.name)) return;
    const file = mark(site);
    site.late = { file, answer: get(site, `/held?${file}`) };
  });
  afterAll(() => site?.stop());

  testCases([...responses, ...requests, ...paths, ...failures], server.name, () => site);
});
