// The socket of a worker lies where no other user can reach it, and each user has a worker of their own.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deploy, folder, one, overEachWay, script, see, versionOf, WWW_DATA, warmUp, workers } from './scripts.ts';

/** Listens at a path of any length until the test ends. Returns a function that tells how many connections have come. */
async function listenAt(socket: string): Promise<() => number> {
  const before = process.cwd();
  process.chdir(dirname(socket)); // the address of a socket has at most 107 bytes
  let count = 0;
  const listener = createServer((connection) => {
    count++;
    connection.destroy();
  }).listen(basename(socket));
  process.chdir(before);
  await once(listener, 'listening');
  onTestFinished(() => void listener.close());
  return () => count;
}

overEachWay((way) => {
  describe('the socket', () => {
    const socketOf = (tmp: string) => spawnSync('/usr/bin/find', [join(folder, tmp), '-type', 's'], { encoding: 'utf8' }).stdout.trim();

    test('is closed to others, by its own permissions and those of its folder', async () => {
      deploy(one);
      await warmUp();
      const socket = socketOf('tmp');
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      expect(statSync(join(folder, `tmp/run-with-cgi-${process.geteuid?.()}`)).mode & 0o777).toBe(0o700);
    });

    test.each<[string, (place: string) => void]>([
      ['a folder of another user', (place) => mkdirSync(place, { mode: 0o777 })],
      [
        'a link of another user to a folder of ours',
        (place) => {
          mkdirSync(`${place}-open`, { mode: 0o777 });
          chownSync(`${place}-open`, WWW_DATA, WWW_DATA);
          symlinkSync(`${place}-open`, place);
        },
      ],
      [
        'a folder that others can write to',
        (place) => {
          mkdirSync(place);
          chownSync(place, WWW_DATA, WWW_DATA);
          chmodSync(place, 0o777);
        },
      ],
    ])('is not made in %s', async (_what, prepare) => {
      deploy(one);
      const place = join(folder, `tmp-other/run-with-cgi-${WWW_DATA}`);
      mkdirSync(dirname(place));
      prepare(place);
      const request = { uid: WWW_DATA, tmp: 'tmp-other' };
      for (let count = 0; count < 3; count++) expect((await see(request)).resident).toBe(false);
      expect([workers(), socketOf('tmp-other')]).toEqual([[], '']);
    });

    test("of another user, in that user's folder, gets no connection", async () => {
      deploy(one);
      const version = versionOf(script);
      const socket = join(folder, `tmp-other/run-with-cgi-${WWW_DATA}`, `${script}.${version}`);
      mkdirSync(dirname(socket), { recursive: true });
      const connections = await listenAt(socket);
      chmodSync(socket, 0o777);
      expect((await see({ uid: WWW_DATA, tmp: 'tmp-other' })).resident).toBe(false);
      expect(connections()).toBe(0);
    });

    test("of another user gets no connection even in the script's own folder", async () => {
      deploy(one);
      const version = versionOf(script);
      const place = join(folder, `tmp-other/run-with-cgi-${WWW_DATA}`);
      const socket = join(place, `${script}.${version}`);
      mkdirSync(dirname(socket), { recursive: true });
      chownSync(place, WWW_DATA, WWW_DATA);
      const connections = await listenAt(socket);
      symlinkSync(`/proc/${process.pid}/cwd`, `${socket}.pid`);
      chmodSync(socket, 0o777);
      expect((await see({ uid: WWW_DATA, tmp: 'tmp-other' })).resident).toBe(false);
      expect(connections()).toBe(0);
    });

    test('lies in the folder of the effective user, also under a shell that does not become the real one', async () => {
      deploy(one);
      chmodSync(script, 0o755);
      const shell = way === 'Perl' ? [] : ['/bin/bash', '--posix', '-p'];
      const command = ['/usr/bin/setpriv', `--ruid=${WWW_DATA}`, '--clear-groups', ...shell, script];
      const pid = await warmUp({ command });
      onTestFinished(() => {
        process.kill(pid, 'SIGKILL');
        rmSync(`/tmp/run-with-cgi-0${folder}`, { recursive: true });
      });
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\t33\t0\t/m);
      // Where real and effective user differ, the C library removes TMPDIR.
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toContain(`RUN_WITH_CGI_WARM_WORKER=/tmp/run-with-cgi-0${script}`);
    });

    test('may lie below a folder of the same name', async () => {
      deploy(one);
      mkdirSync(join(folder, 'tmp/run-with-cgi-0/inner'), { recursive: true });
      chmodSync(join(folder, 'tmp/run-with-cgi-0'), 0o755);
      const inner = join(folder, 'tmp/run-with-cgi-0/inner');
      await warmUp({ env: { TMPDIR: inner } });
      expect(socketOf('tmp')).toMatch(`${inner}/run-with-cgi-0${script}.`);
    });

    test('differs for each user of a script', async () => {
      deploy(one);
      chmodSync(script, 0o755);
      const mine = await warmUp();
      const theirs = await warmUp({ uid: WWW_DATA, tmp: 'tmp-www' });
      expect(theirs).not.toBe(mine);
      expect((await see()).pid).toBe(mine);
    });

    test('differs for each copy of a script', async () => {
      deploy(one);
      const mine = await warmUp();
      const file = join(folder, 'cgi-bin/copy.cgi');
      copyFileSync(script, file);
      expect(await warmUp({ file })).not.toBe(mine);
    });

    test('is not made when its path would be too long: the script is plain CGI', async () => {
      const file = join(folder, `cgi-bin/${'long-'.repeat(20)}.cgi`);
      copyFileSync(one, file);
      for (let count = 0; count < 2; count++) expect((await see({ file })).resident).toBe(false);
      expect(workers()).toEqual([]);
    });
  });
});
