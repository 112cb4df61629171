// Errors that nobody catches, in a process that serves alone and in workers.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { request } from '../fastcgi/client.ts';
import { until } from '../host/processes.ts';
import { areGone, areUp, ask, ended, file, isHeld, release, serve, source, workersOf } from './gateway.ts';

describe('an error that nobody catches', () => {
  /** Returns a pattern for the lines of the log about the first error, and its stack. */
  const said = (origin: string, text = 'on purpose') =>
    `fastcgi: \\[error-uncaught\\] Nobody has caught an error \\(${origin}\\); this process takes no more requests, and ends when those that it has are answered\nfastcgi: Error: ${text}\n(?:    at .*app\\.mjs:\\d+:\\d+.*\n)(?:    at .*\n)*`;

  test.each([
    ['/reject', 'unhandledRejection'],
    ['/throw', 'uncaughtException'],
  ])('%s: running requests are answered, no more are taken, and the exit status is 1', async (path, origin) => {
    const gateway = serve();
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    expect(await ask(gateway, path)).toMatch(/^old \d+$/);
    await until(() => !existsSync(gateway.place));
    release();
    expect(await held).toMatch(/^old \d+$/);
    expect(await ended(gateway)).toEqual([1, null]);
    expect(gateway.said()).toMatch(new RegExp(`^${said(origin)}$`));
  });

  test('in an endless series lets running requests finish, and the log has the first ten', async () => {
    const gateway = serve();
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    await ask(gateway, '/throw-on');
    await until(() => gateway.said().includes('further'));
    release();
    expect(await held).toMatch(/^old \d+$/);
    expect(await ended(gateway)).toEqual([1, null]);
    expect(gateway.said().match(/Error: again/g)).toHaveLength(10);
    expect(gateway.said()).toMatch(/\nfastcgi: further errors of this process are not logged\n$/);
  });

  test.each(['/throw-on', '/throw-at-once'])('%s: the process ends after --drain seconds', async (path) => {
    const gateway = serve('--drain', '1');
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    ask(gateway, path);
    expect(await held).toBe('');
    expect(await ended(gateway)).toEqual([1, null]);
  });

  test.each(['1', '2'])('--workers %s: another worker starts at once, and no request is lost', async (count) => {
    const gateway = serve('--workers', count);
    await areUp(gateway, Number(count));
    const workers = workersOf(gateway);
    const held = ask(gateway, '/hold');
    await isHeld();
    const holder = Number(readFileSync(file('held'), 'utf8'));
    const answers: string[] = [];
    while (!gateway.said().includes(`worker ${holder} takes no more`)) {
      answers.push(await ask(gateway, '/reject'));
      await sleep(100);
    }
    await until(() => workersOf(gateway).some((pid) => !workers.includes(pid)));
    for (let more = 0; more < 20; more++) answers.push(await ask(gateway));
    release();
    answers.push(await held);
    expect(answers.filter((answer) => !/^old \d+$/.test(answer))).toEqual([]);
    expect(gateway.said()).toMatch(
      new RegExp(`^(?:${said('unhandledRejection')}|fastcgi: worker \\d+ takes no more requests; another one begins in \\d+ ms\n)+$`),
    );
  });

  test('SIGHUP while a broken worker still answers does not raise the number of workers', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const [broken = 0] = workersOf(gateway);
    const held = ask(gateway, '/hold');
    await isHeld();
    await ask(gateway, '/reject');
    const successor = await until(() => workersOf(gateway).find((pid) => pid !== broken) ?? 0);
    while ((await ask(gateway)) !== `old ${successor}`) await sleep(20);
    writeFileSync(file('app.mjs'), source('new'));
    gateway.process.kill('SIGHUP');
    await sleep(300);
    release();
    expect(await held).toMatch(/^old \d+$/);
    await areGone(gateway, [broken, successor]);
    while (!(await ask(gateway)).startsWith('new ')) await sleep(20);
    await sleep(500);
    expect(workersOf(gateway)).toHaveLength(1);
  });

  test('--workers 1, in each worker after a while: requests wait, and are answered', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const answers: string[] = [];
    for (let round = 0; round < 4; round++) {
      const [broken = 0] = workersOf(gateway);
      answers.push(await ask(gateway, '/reject'));
      await until(() => gateway.said().includes(`worker ${broken} takes no more requests`));
      answers.push(await ask(gateway));
      await areGone(gateway, [broken]);
    }
    expect(answers.filter((answer) => !/^old \d+$/.test(answer))).toEqual([]);
    expect(new Set(answers).size).toBeGreaterThanOrEqual(5);
  });

  test('--workers 1: a broken worker whose requests never end is killed when later ones break', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const held: Promise<string>[] = [];
    for (let round = 0; round < 3; round++) {
      const [pid] = (await ask(gateway)).split(' ').slice(1);
      held.push(ask(gateway, '/hold'));
      await until(() => readFileSync(file('held'), 'utf8').includes(`${pid}\n`));
      await ask(gateway, '/reject');
      await until(() => gateway.said().includes(`worker ${pid} takes no more`));
    }
    const [first] = readFileSync(file('held'), 'utf8').split('\n');
    expect(gateway.said()).toContain(`fastcgi: worker ${first} is killed with its unfinished requests, because others have broken since\n`);
    expect(await held[0]).toBe('');
    expect(await ask(gateway)).toMatch(/^old \d+$/);
    release();
    expect(await held[2]).toMatch(/^old \d+$/);
  });

  test('--workers 1: a kept connection of the web server goes on in the next worker', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const [broken] = workersOf(gateway);
    const kept = connect(gateway.place);
    onTestFinished(() => void kept.destroy());
    let answers = '';
    kept.on('data', (text) => {
      answers += text;
    });
    kept.write(request(1, { PATH_INFO: '/reject' }));
    await until(() => answers.includes(`old ${broken}`));
    await until(() => gateway.said().includes('another one begins'));
    kept.write(request(1));
    await until(() => answers.match(/old \d+/g)?.length === 2);
    expect(answers.match(/old \d+/g)).toEqual([`old ${broken}`, `old ${workersOf(gateway)[0]}`]);
    expect(workersOf(gateway)).not.toContain(broken);
  });

  test('is left to an application with a handler of its own', async () => {
    const gateway = serve();
    await until(() => existsSync(gateway.place));
    for (const path of ['/catch', '/throw', '/reject']) expect(await ask(gateway, path)).toBe(`old ${gateway.process.pid}`);
    await until(() => readFileSync(file('caught'), 'utf8') === 'on purpose\non purpose\n');
    expect(await ask(gateway)).toBe(`old ${gateway.process.pid}`);
    expect(gateway.said()).toBe('');
  });
});
