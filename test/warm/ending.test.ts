// How the worker of a warm script ends: what its application does after a response is finished first.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { ask, deploy, folder, overEachWay, perl, until, warmUp, workers } from './scripts.ts';

overEachWay(() => {
  test('close() that runs on after the response is waited for', async () => {
    const module = join(folder, 'works-on.mjs');
    rmSync(join(folder, 'worked-on'), { force: true });
    const mark = join(folder, 'worked-on');
    writeFileSync(
      module,
      `import { writeFileSync } from 'node:fs';
    export function application(environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'application/json']]);
      const body = [JSON.stringify({ pid: process.pid, resident: !environ['wsgi.run_once'] })];
      const work = () => new Promise((resolve) => setTimeout(resolve, 4000)).then(() => writeFileSync('${mark}', ''));
      return environ.PATH_INFO === '/work-on' ? Object.assign(body, { close: work }) : body;
    }`,
    );
    const script = join(folder, 'works-on.cgi');
    await buildScript(module, script, { exportName: 'application', warm: true, perl: perl() });
    deploy(script);
    const pid = await warmUp();
    expect(JSON.parse((await ask({ path: '/work-on' })).body)).toEqual({ pid, resident: true });
    process.kill(pid, 'SIGTERM');
    await until(() => !workers().includes(pid));
    expect(existsSync(mark)).toBe(true);
  });
});
