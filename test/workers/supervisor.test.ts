// How the supervisor replaces workers: those that crash, those that ask for it, and all of them on SIGHUP.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { request } from '../fastcgi/client.ts';
import { until } from '../host/processes.ts';
import { areGone, areUp, ask, file, isHeld, release, serve, source, workersOf } from './gateway.ts';

describe('a worker that ends', () => {
  test('by a crash is replaced, after delays that grow while workers keep crashing', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    await ask(gateway, '/crash');
    await until(() => workersOf(gateway).some((pid) => !workers.includes(pid)));
    await areUp(gateway, 2);
    await ask(gateway, '/crash');
    await until(() => gateway.said().split('\n').length === 3);
    const lines =
      /^fastcgi: worker \d+ ended with exit status 9; another one begins in 100 ms\nfastcgi: worker \d+ ended with exit status 9; another one begins in (\d+) ms\n$/;
    const [, delay] = lines.exec(gateway.said()) ?? [];
    expect(['100', '200']).toContain(delay);
    await areUp(gateway, 2);
  });

  test('leaves the socket open, even as the only worker: connections wait for the next', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    for (const pid of workersOf(gateway)) process.kill(pid, 'SIGKILL');
    expect(await ask(gateway)).toMatch(/^old \d+$/);
    expect(gateway.said()).toMatch(/^fastcgi: worker \d+ ended by SIGKILL; another one begins in 100 ms\n$/);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'because an operator sent it %s is replaced first, and finishes its requests',
    async (signal) => {
      const gateway = serve('--workers', '2');
      await areUp(gateway, 2);
      const held = ask(gateway, '/hold');
      await isHeld();
      const holder = Number(readFileSync(file('held'), 'utf8'));
      process.kill(holder, signal);
      await until(() => workersOf(gateway).length === 3);
      release();
      expect(await held).toBe(`old ${holder}`);
      await until(() => workersOf(gateway).length === 2);
      expect(gateway.said()).toBe('');
    },
  );

  test('because of --max-requests is replaced first, and nothing is logged', async () => {
    const gateway = serve('--workers', '1', '--max-requests', '5');
    const answers: string[] = [];
    await areUp(gateway, 1);
    while (new Set(answers).size < 4) answers.push(await ask(gateway));
    expect(answers.filter((answer) => !/^old \d+$/.test(answer))).toEqual([]);
    expect(gateway.said()).toBe('');
  });
});

test('a worker that does not respond holds up one connection of a worker that is replaced, until it responds', async () => {
  const gateway = serve('--workers', '3');
  await areUp(gateway, 3);
  const [stopped = 0, replaced = 0] = workersOf(gateway);
  const kept = new Map<Socket, string>();
  while ([...kept.values()].filter((answer) => answer === `old ${replaced}`).length < 6) {
    const socket = connect(gateway.place);
    onTestFinished(() => void socket.destroy());
    kept.set(socket, '');
    socket.on('data', (text) => kept.set(socket, /old \d+/.exec(text.toString('latin1'))?.[0] ?? ''));
    socket.write(request(1));
    await until(() => kept.get(socket) !== '');
  }
  process.kill(stopped, 'SIGSTOP');
  process.kill(replaced, 'SIGTERM');
  await areGone(gateway, [replaced]);
  const given = [...kept].filter(([, answer]) => answer === `old ${replaced}`).map(([socket]) => socket);
  for (const socket of given) {
    kept.set(socket, '');
    socket.write(request(1));
  }
  const isAnswered = (socket: Socket) => kept.get(socket) !== '';
  await until(() => given.filter(isAnswered).length === 5);
  process.kill(stopped, 'SIGCONT');
  await until(() => given.every(isAnswered));
  expect(given.filter((socket) => kept.get(socket) === `old ${stopped}`)).toHaveLength(1);
});

describe('SIGHUP', () => {
  test('brings new code to each worker, also to a single one', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const [old = 0] = workersOf(gateway);
    writeFileSync(file('app.mjs'), source('new'));
    gateway.process.kill('SIGHUP');
    await areGone(gateway, [old]);
    expect(await ask(gateway)).toBe(`new ${workersOf(gateway)[0]}`);
  });

  test('leaves the old workers and logs the error when the new code is broken; the next SIGHUP brings the mended code', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    writeFileSync(file('app.mjs'), 'this is no JavaScript');
    gateway.process.kill('SIGHUP');
    await until(() => gateway.said().includes('stays'));
    expect(gateway.said()).toMatch(/\[module-broken\]\nfile:\/\/\S+\/app\.mjs:1\nthis is no JavaScript\n {5}\^\^\n\nSyntaxError: /);
    expect(gateway.said()).toMatch(new RegExp(`fastcgi: worker \\d+ did not start; worker ${workers[0]} stays\n$`));
    expect(workersOf(gateway)).toEqual(workers);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
    writeFileSync(file('app.mjs'), source('new'));
    gateway.process.kill('SIGHUP');
    await areGone(gateway, workers);
    expect(await ask(gateway)).toMatch(/^new \d+$/);
  });

  test('loses no request when the old worker crashes while a broken new one starts', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const [old = 0] = workersOf(gateway);
    writeFileSync(
      file('app.mjs'),
      `import { existsSync } from 'node:fs';
while (!existsSync('released')) await new Promise((resolve) => setTimeout(resolve, 10));
throw new Error('broken');`,
    );
    gateway.process.kill('SIGHUP');
    await until(() => workersOf(gateway).length === 2);
    process.kill(old, 'SIGKILL');
    await areGone(gateway, [old]);
    release();
    await until(() => gateway.said().includes('did not start, and'));
    writeFileSync(file('app.mjs'), source('mended'));
    expect(await ask(gateway)).toMatch(/^mended \d+$/);
  });

  test('while the first workers start is obeyed, and ends nothing', async () => {
    const gateway = serve('--workers', '2');
    await until(() => workersOf(gateway).length === 1);
    const [first = 0] = workersOf(gateway);
    gateway.process.kill('SIGHUP');
    await areGone(gateway, [first]);
    await areUp(gateway, 2);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
  });

  test('several times at once is the same as once', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    for (let times = 0; times < 5; times++) gateway.process.kill('SIGHUP');
    await areGone(gateway, workers);
    await areUp(gateway, 2);
    expect(gateway.said()).toBe('');
  });

  test('to the whole process group is the same', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    process.kill(-(gateway.process.pid ?? 0), 'SIGHUP');
    await areGone(gateway, workers);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
  });

  test('without workers is refused with a message', async () => {
    const gateway = serve();
    await until(() => existsSync(gateway.place));
    gateway.process.kill('SIGHUP');
    await until(() => gateway.said() !== '');
    expect(gateway.said()).toBe('fastcgi: SIGHUP replaces workers, and this process has none: it keeps its code. See --workers\n');
    expect(await ask(gateway)).toBe(`old ${gateway.process.pid}`);
  });
});
