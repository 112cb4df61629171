// How a gateway with workers ends: what runs is finished, and no process is left.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { request } from '../fastcgi/client.ts';
import { isRunning, until } from '../host/processes.ts';
import { areUp, ask, command, ended, file, folder, gateways, isHeld, release, serve, source, workersOf } from './gateway.ts';

describe('the end', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGUSR1'] as const)('%s: running requests are finished, no more are taken', async (signal) => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    const held = ask(gateway, '/hold');
    await isHeld();
    gateway.process.kill(signal);
    await until(() => !existsSync(gateway.place));
    release();
    expect(await held).toMatch(/^old \d+$/);
    expect(await ended(gateway)).toEqual([0, null]);
    expect(workers.filter(isRunning)).toEqual([]);
    expect(gateway.said()).toBe('');
  });

  test('a signal to the whole group does the same, as from a terminal or from systemd', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const held = ask(gateway, '/hold');
    await isHeld();
    process.kill(-(gateway.process.pid ?? 0), 'SIGINT');
    await until(() => !existsSync(gateway.place));
    release();
    expect(await held).toMatch(/^old \d+$/);
    expect(await ended(gateway)).toEqual([0, null]);
  });

  test.each([
    ['while it loads the application', true],
    ['once it listens', false],
  ])('of a supervisor that is killed ends a worker, %s', async (_when, isLoading) => {
    writeFileSync(
      file('app.mjs'),
      `import { writeFileSync } from 'node:fs';
writeFileSync('loading', '');
while (${isLoading} && !existsSync('released')) await new Promise((resolve) => setTimeout(resolve, 10));
${source('old')}`,
    );
    const gateway = serve('--workers', '1');
    if (isLoading) await until(() => existsSync(file('loading')));
    else await areUp(gateway, 1);
    const [worker = 0] = workersOf(gateway);
    expect(isRunning(worker)).toBe(true);
    gateway.process.kill('SIGKILL');
    await ended(gateway);
    if (isLoading) await sleep(300); // the worker notices that its supervisor has ended
    release();
    await until(() => !isRunning(worker));
  });

  test('of a supervisor that is killed ends a worker, while it hands its connections over', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const [worker = 0] = workersOf(gateway);
    let answers = '';
    for (let count = 0; count < 3; count++) {
      const kept = connect(gateway.place);
      onTestFinished(() => void kept.destroy());
      kept.on('data', (text) => {
        answers += text;
      });
      kept.write(request(1));
    }
    await until(() => answers.match(/old \d+/g)?.length === 3);
    gateway.process.kill('SIGSTOP'); // it takes no connection
    await ask(gateway, '/reject');
    await sleep(500);
    expect(isRunning(worker)).toBe(true);
    gateway.process.kill('SIGKILL');
    await ended(gateway);
    await until(() => !isRunning(worker));
  });

  test('--drain: requests that take longer are cut off', async () => {
    const gateway = serve('--workers', '2', '--drain', '1');
    await areUp(gateway, 2);
    const held = ask(gateway, '/hold');
    await isHeld();
    gateway.process.kill('SIGTERM');
    expect(await held).toBe('');
    expect(await ended(gateway)).toEqual([0, null]);
  });

  test('--drain: requests that take longer are cut off without workers, too', async () => {
    const gateway = serve('--drain', '1');
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    gateway.process.kill('SIGTERM');
    expect(await held).toBe('');
    expect(await ended(gateway)).toEqual([0, null]);
  });

  test.each([[[]], [['--workers', '1']]])('%j: close() that runs on after the response is waited for', async (words) => {
    const gateway = serve(...words);
    await until(() => existsSync(gateway.place));
    expect(await ask(gateway, '/work-on')).toBe('answered');
    gateway.process.kill('SIGTERM');
    expect(await ended(gateway)).toEqual([0, null]);
    expect(readFileSync(file('worked'), 'utf8')).toBe('on');
  });

  test('--drain: close() that takes longer is not waited for', async () => {
    const gateway = serve('--drain', '0');
    await until(() => existsSync(gateway.place));
    expect(await ask(gateway, '/work-on')).toBe('answered');
    gateway.process.kill('SIGTERM');
    expect(await ended(gateway)).toEqual([0, null]);
    expect(existsSync(file('worked'))).toBe(false);
  });

  test('workers whose supervisor is killed finish their running requests, and end', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    const held = ask(gateway, '/hold');
    await isHeld();
    gateway.process.kill('SIGKILL');
    await until(() => workers.filter(isRunning).length === 1);
    release();
    expect(await held).toMatch(/^old \d+$/);
    await until(() => workers.filter(isRunning).length === 0);
    // The socket that it leaves behind keeps no other gateway from its path.
    const next = spawn(process.execPath, [command, 'fastcgi', 'app.mjs', '--socket', gateway.place, '--workers', '2'], {
      cwd: folder,
      env: { PATH: process.env.PATH },
      stdio: 'ignore',
      detached: true,
    });
    gateways.push({ process: next, place: gateway.place, said: () => '' });
    await until(() => workersOf({ ...gateway, process: next }).length === 2);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
  });

  test.each([[[]], [['--workers', '2']]])('%j --idle-exit: a request that takes longer is answered', async (words) => {
    const gateway = serve(...words, '--idle-exit', '1', '--drain', '0');
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    await sleep(2500);
    release();
    expect(await held).toMatch(/^old \d+$/);
    expect(await ended(gateway)).toEqual([0, null]);
  });

  test.each([[[]], [['--workers', '2']]])('%j --idle-exit: counts from the end of a request', async (words) => {
    const gateway = serve(...words, '--idle-exit', '2');
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    await sleep(700);
    release();
    await held;
    const answered = Date.now();
    await ended(gateway);
    expect(Date.now() - answered).toBeGreaterThan(1950);
  });

  test('--idle-exit: a worker that still answers while its successor is idle keeps the gateway, and no longer', async () => {
    const gateway = serve('--workers', '1', '--idle-exit', '1');
    await areUp(gateway, 1);
    const held = ask(gateway, '/hold');
    await isHeld();
    gateway.process.kill('SIGHUP');
    await until(() => workersOf(gateway).length === 2);
    await sleep(2500);
    expect(existsSync(gateway.place)).toBe(true);
    release();
    expect(await held).toMatch(/^old \d+$/);
    expect(await ended(gateway)).toEqual([0, null]);
  });

  test('--idle-exit: all workers end when no request came to any of them', async () => {
    const gateway = serve('--workers', '2', '--idle-exit', '1');
    expect(await ended(gateway)).toEqual([0, null]);
    expect(existsSync(gateway.place)).toBe(false);
  });
});
