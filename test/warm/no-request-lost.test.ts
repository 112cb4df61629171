// No request to a warm script is lost, whatever happens to its worker.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  ask,
  askAllTheTime,
  deploy,
  files,
  folder,
  left,
  one,
  overEachWay,
  script,
  see,
  serverPath,
  two,
  until,
  warmUp,
  workers,
} from './scripts.ts';

overEachWay(() => {
  describe('no request is lost', () => {
    test('when 50 requests are the first', async () => {
      deploy(one);
      const all = await Promise.all(Array.from({ length: 50 }, () => see()));
      expect(all.map(({ version }) => version)).toEqual(Array.from({ length: 50 }, () => 'one'));
      const pid = await warmUp();
      await until(() => workers().join() === String(pid));
    });

    test('when a killed worker has left its socket', async () => {
      deploy(one);
      for (let round = 0; round < 3; round++) {
        const pid = await warmUp();
        process.kill(pid, 'SIGKILL');
        await until(() => workers().length === 0);
        const { head, body, errors } = await ask();
        expect([head.slice(0, 14), JSON.parse(body).resident, errors]).toEqual(['Status: 200 OK', false, '']);
      }
    });

    test('when there is a new version, which answers from its first request on', async () => {
      deploy(one);
      const old = await warmUp();
      const all = await askAllTheTime(async () => {
        await sleep(200);
        deploy(two);
        const seen = await see();
        expect(seen.version).toBe('two');
        await warmUp();
        await until(() => !workers().includes(old));
      });
      expect(all.map(({ errors }) => errors).join('')).toBe('');
      const versions = all.map(({ version }) => version);
      expect(new Set(versions)).toEqual(new Set(['one', 'two']));
      // Four clients ask at a time: up to three answers of the old version can come after the first one of the new version, and
      // late, since a process may wait for its turn while others answer.
      expect(versions.slice(versions.indexOf('two')).filter((version) => version === 'one').length).toBeLessThanOrEqual(3);
    });

    test('when the file is touched, as for new data that it has read', async () => {
      deploy(one);
      const old = await warmUp();
      await askAllTheTime(async () => {
        await sleep(200);
        utimesSync(script, new Date(), new Date());
        await until(() => !workers().includes(old));
        expect(await warmUp()).not.toBe(old);
      });
    });

    test('when the idle worker ends', async () => {
      deploy(one);
      const env = { RUN_WITH_CGI_IDLE_EXIT: '1' };
      const pid = await warmUp({ env });
      await until(() => !workers().includes(pid));
      expect(files('tmp')).toEqual([]);
      expect((await see({ env })).resident).toBe(false);
    });

    test('when one takes longer than a worker stays without requests: the same worker answers the next', async () => {
      deploy(one);
      const env = { RUN_WITH_CGI_IDLE_EXIT: '3' };
      const pid = await warmUp({ env });
      expect((await ask({ path: '/wait-long' })).body).toBe('waited');
      expect(await see({ env })).toMatchObject({ pid, resident: true });
    });

    test('when more connections wait than the backlog holds', async () => {
      deploy(one);
      const pid = await warmUp();
      process.kill(pid, 'SIGSTOP');
      const all = Array.from({ length: 300 }, () => see());
      await sleep(1000);
      process.kill(pid, 'SIGCONT');
      expect((await Promise.all(all)).filter((seen) => seen.pid === pid).length).toBe(300);
    });

    test('when the worker is told to end while requests run', async () => {
      deploy(one);
      const pid = await warmUp();
      const running = Array.from({ length: 5 }, () => ask({ path: '/wait' }));
      await sleep(200);
      process.kill(pid, 'SIGTERM');
      expect((await Promise.all(running)).map(({ body }) => body)).toEqual(Array.from({ length: 5 }, () => 'waited'));
    });

    test('when there is an uncaught error: running requests are answered, and another worker starts', async () => {
      deploy(one);
      const broken = await warmUp();
      const running = Array.from({ length: 5 }, () => ask({ path: '/wait' }));
      await sleep(100);
      expect((await see({ path: '/reject' })).pid).toBe(broken);
      await until(() => !files('tmp').some((name) => name.endsWith('.pid')));
      const all = await askAllTheTime(async () => {
        await until(() => !workers().includes(broken));
      });
      expect((await Promise.all(running)).map(({ body }) => body)).toEqual(Array.from({ length: 5 }, () => 'waited'));
      expect(all.map(({ pid }) => pid)).not.toContain(broken);
      expect(await warmUp()).not.toBe(broken);
      expect(readFileSync(left('.log'), 'utf8')).toMatch(
        /^warm: \[error-uncaught\] Nobody has caught an error \(unhandledRejection\); this process takes no more requests, and ends when those that it has are answered\nwarm: Error: nobody catches it\n(?: {4}at .*\n)+$/,
      );
    });

    test('when two workers start for one script: the later one takes over', async () => {
      deploy(one);
      const pid = await warmUp();
      const [socket = ''] = spawnSync('/usr/bin/find', [join(folder, 'tmp'), '-type', 's'], { encoding: 'utf8' }).stdout.split('\n');
      const env = { PATH: serverPath(), RUN_WITH_CGI_WARM_WORKER: socket };
      spawn(process.execPath, [script], { env, detached: true, stdio: 'ignore' });
      await askAllTheTime(() => until(() => workers().length === 1 && !workers().includes(pid)));
      expect((await see()).pid).toBe(workers()[0]);
    });
  });
});
