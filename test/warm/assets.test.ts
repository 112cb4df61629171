// `build --warm` together with `--assets`: the worker reads the files beside the script as the process of a request does.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { ask, folder, left, overEachWay, perlOptions, script, until, workers } from './scripts.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));
const project = join(folder, 'project');
const APPLICATION = `import { readFileSync } from 'node:fs';
export function application(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const byModule = readFileSync(new URL('../views/page.txt', import.meta.url), 'utf8');
  return JSON.stringify({ resident: !environ['wsgi.run_once'], byModule, byFolder: readFileSync('views/page.txt', 'utf8'), cwd: process.cwd() });
}
`;

function build(text: string): void {
  writeFileSync(join(project, 'views/page.txt'), text);
  const args = [main, 'build', 'src/app.mjs', '--warm', ...perlOptions(), '--assets', 'views', '-o', 'out/app.cgi'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
}

/** Copies the assets, and then the script, as a deployment should. */
function deploy(): void {
  rmSync(`${script}.assets`, { recursive: true, force: true });
  cpSync(join(project, 'out/app.cgi.assets'), `${script}.assets`, { recursive: true });
  cpSync(join(project, 'out/app.cgi'), `${script}.new`);
  renameSync(`${script}.new`, script);
}

interface Read {
  resident: boolean;
  byModule: string;
  byFolder: string;
  cwd: string;
}

async function read(): Promise<Read> {
  return JSON.parse((await ask()).body);
}

/** Asks until a worker has answered, and returns its answer. */
async function readByWorker(): Promise<Read> {
  let seen = await read();
  await until(async () => {
    seen = await read();
    return seen.resident;
  });
  return seen;
}

const answer = (text: string, resident: boolean): Read => ({ resident, byModule: text, byFolder: text, cwd: `${script}.assets` });

beforeAll(() => {
  for (const name of ['src', 'views', 'out']) mkdirSync(join(project, name), { recursive: true });
  writeFileSync(join(project, 'src/app.mjs'), APPLICATION);
}, 60_000);
overEachWay(() => {
  beforeEach(() => {
    build('one');
    deploy();
  }, 60_000);

  test('the first request and the worker read the same files, in every way of reading', async () => {
    expect(await read()).toEqual(answer('one', false));
    expect(await readByWorker()).toEqual(answer('one', true));
    expect(workers()).toHaveLength(1);
  });

  test('after a deployment the new worker reads the new assets', async () => {
    await readByWorker();
    const [old] = workers();
    build('two');
    deploy();
    await until(() => !workers().includes(old ?? 0));
    expect(await readByWorker()).toEqual(answer('two', true));
  });

  test("without the folder the server's log says so, and no worker stays", async () => {
    rmSync(`${script}.assets`, { recursive: true });
    const message = `run-with-cgi: there is no folder ${script}.assets/; copy it along with the script [assets-missing]\n`;
    expect(await ask()).toEqual({ head: '', body: '', errors: message });
    await until(() => workers().length === 0);
    expect(left('.log')).toBe('');
  });
});
