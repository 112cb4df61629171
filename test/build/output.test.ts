// The file that build writes: it replaces no source, and an interrupted build leaves nothing behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { command, freshProject, HELLO } from './project.ts';

const { project, env, write, build, leftovers } = freshProject();

describe('a build is interrupted', () => {
  /** Waits until the application runs, in the trial or before that. */
  async function started(): Promise<void> {
    for (let tries = 0; !existsSync(join(project, 'started')); tries++) {
      if (tries === 400) throw new Error('the application did not start in ten seconds');
      await sleep(25);
    }
  }
  const running = () =>
    readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes('A_TRIAL=yes');
      } catch {
        return false;
      }
    });

  test.each<[string, NodeJS.Signals, string]>([
    ['in the trial', 'SIGINT', 'process.env.A_TRIAL'],
    ['in the trial', 'SIGTERM', 'process.env.A_TRIAL'],
    ['in the trial', 'SIGHUP', 'process.env.A_TRIAL'],
    ['while the module is loaded', 'SIGINT', 'true'],
    ['while the module is loaded', 'SIGTERM', 'true'],
  ])('%s, by %s, leaves nothing behind', async (_when, signal, condition) => {
    const where = condition === 'true' ? '!process.env.GATEWAY_INTERFACE' : 'process.env.GATEWAY_INTERFACE';
    write({
      'app.mjs': `import { writeFileSync } from 'node:fs';
process.on('SIGINT', () => {});
if (${where}) { writeFileSync('${project}/started', ''); await new Promise((resolve) => setTimeout(resolve, 60_000)); }
export default ${HELLO};
`,
    });
    const args = [command, 'build', 'app.mjs', ...(condition === 'true' ? [] : ['--env', 'A_TRIAL=yes'])];
    const child = spawn(process.execPath, args, { cwd: project, env, stdio: 'ignore' });
    await started();
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([null, signal]);
    rmSync(join(project, 'started'));
    expect(leftovers()).toEqual([]);
    for (let tries = 0; running().length > 0; tries++) {
      expect(tries).toBeLessThan(100);
      await sleep(25);
    }
  });

  test('by process.exit() of the application: build prints a message and leaves nothing behind', () => {
    write({ 'app.mjs': "console.error('no DATABASE_URL');\nprocess.exit(0);\n" });
    expect(build('app.mjs')).toMatchObject({
      stderr: 'no DATABASE_URL\nrun-with-cgi: app.mjs ended the process by process.exit() while it was loaded [module-broken]\n',
      status: 2,
    });
    expect(leftovers()).toEqual([]);
  });
});

describe('the output file', () => {
  beforeEach(() => write({ 'app.mjs': `import './other.mjs';\nexport default ${HELLO};\n`, 'other.mjs': '' }));

  test.each([
    ['the module', 'app.mjs'],
    ['the module by another name', './app.mjs'],
    ['a module that it imports', 'other.mjs'],
    ['a link to it', 'link.mjs'],
  ])('is not %s', (_what, name) => {
    symlinkSync('app.mjs', join(project, 'link.mjs'));
    const before = readFileSync(join(project, name));
    expect(build('app.mjs', '-o', name)).toMatchObject({
      stderr: `run-with-cgi: ${name} is one of the sources; give the script another name by --output [output-wrong]\n`,
      status: 2,
    });
    expect(readFileSync(join(project, name))).toEqual(before);
  });

  test('is not a folder', () => {
    expect(build('app.mjs', '-o', 'node_modules')).toMatchObject({
      stderr: 'run-with-cgi: node_modules is a folder; name a file in it by --output [output-wrong]\n',
      status: 2,
    });
  });

  test('can lie in a folder that does not exist yet', () => {
    write({ 'fails.mjs': 'export default () => { throw new Error(); };\n' });
    expect(build('fails.mjs', '-o', 'out/cgi-bin/app.cgi').status).toBe(2);
    expect(existsSync(join(project, 'out'))).toBe(false);
    expect(build('app.mjs', '-o', 'out/cgi-bin/app.cgi')).toMatchObject({ stderr: '', status: 0 });
    expect(statSync(join(project, 'out/cgi-bin/app.cgi')).mode & 0o777).toBe(0o755);
  });

  test("replaces an older file by rename(), and behind a link the link's target", () => {
    expect(build('app.mjs', '-o', 'app.cgi').status).toBe(0);
    const { ino } = statSync(join(project, 'app.cgi'));
    symlinkSync('app.cgi', join(project, 'link.cgi'));
    expect(build('app.mjs', '-o', 'link.cgi')).toMatchObject({ stderr: '', status: 0 });
    expect(statSync(join(project, 'app.cgi')).ino).not.toBe(ino);
    expect(lstatSync(join(project, 'link.cgi')).isSymbolicLink()).toBe(true);
  });
});
