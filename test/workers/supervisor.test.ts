// Workers as their operator sees them: how they are replaced and ended, what is said about it, and what happens when
// something goes wrong in between.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { request } from '../fastcgi/client.ts';
import { isRunning, until } from '../host/processes.ts';

const command = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-workers-'));
const file = (name: string) => join(folder, name);

/** Answers with `text` and its process; "/hold" when the file "released" is there, and says in "held" that it waits. */
const source = (text: string) => `
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export default async (environ, startResponse) => {
  if (environ.PATH_INFO === '/crash') process.exit(9);
  if (environ.PATH_INFO === '/hold') {
    appendFileSync('held', process.pid + '\\n');
    while (!existsSync('released')) await sleep(10);
  }
  if (environ.PATH_INFO === '/reject') setTimeout(() => Promise.reject(new Error('on purpose')));
  if (environ.PATH_INFO === '/throw') setTimeout(() => { throw new Error('on purpose'); });
  if (environ.PATH_INFO === '/throw-on') setInterval(() => { throw new Error('again'); }, 5);
  if (environ.PATH_INFO === '/throw-at-once') setTimeout(function fail() { process.nextTick(fail); throw new Error('again'); });
  if (environ.PATH_INFO === '/catch') {
    process.on('uncaughtException', (error) => appendFileSync('caught', error.message + '\\n'));
    process.on('unhandledRejection', (error) => appendFileSync('caught', error.message + '\\n'));
  }
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return '${text} ' + process.pid;
};
`;

interface Gateway {
  process: ChildProcess;
  place: string;
  said(): string;
}

const gateways: Gateway[] = [];

/** A gateway in a group of its own, as a shell or systemd would have it. */
function serve(...words: string[]): Gateway {
  const name = `app${gateways.length}`;
  const place = file(`${name}.sock`);
  for (const left of ['held', 'released', 'caught']) rmSync(file(left), { force: true });
  if (!existsSync(file('app.mjs'))) writeFileSync(file('app.mjs'), source('old'));
  const child = spawn(process.execPath, [command, 'fastcgi', 'app.mjs', '--socket', place, ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const gateway = { process: child, place, said: () => said };
  gateways.push(gateway);
  return gateway;
}

function workersOf({ process: { pid } }: Gateway): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** Waits until each of `count` workers listens. */
async function areUp(gateway: Gateway, count: number): Promise<void> {
  await until(() => workersOf(gateway).length === count && existsSync(gateway.place));
  const seen = new Set<string>();
  while (seen.size < count) {
    const [, pid] = (await ask(gateway)).split(' ');
    if (pid) seen.add(pid);
  }
}

/** The body of one answer; "" when there is none. */
async function ask({ place }: Gateway, path = '/'): Promise<string> {
  const child = spawn('cgi-fcgi', ['-bind', '-connect', place], {
    env: {
      PATH: process.env.PATH,
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: path,
      SERVER_NAME: 'a',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  const end = output.indexOf('\r\n\r\n');
  return end < 0 ? '' : output.slice(end + 4);
}

async function ended({ process: child }: Gateway): Promise<[number | null, string | null]> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return [child.exitCode, child.signalCode];
}

const isHeld = () => until(() => existsSync(file('held')));
const release = () => writeFileSync(file('released'), '');

afterEach(async () => {
  release();
  for (const gateway of gateways) {
    try {
      process.kill(-(gateway.process.pid ?? 0), 'SIGKILL');
    } catch {
      // it has ended
    }
    await ended(gateway);
  }
  writeFileSync(file('app.mjs'), source('old'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the end', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGUSR1'] as const)('%s: what runs is finished, nothing more is taken', async (signal) => {
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

  test('--drain: what takes longer is cut', async () => {
    const gateway = serve('--workers', '2', '--drain', '1');
    await areUp(gateway, 2);
    const held = ask(gateway, '/hold');
    await isHeld();
    gateway.process.kill('SIGTERM');
    expect(await held).toBe('');
    expect(await ended(gateway)).toEqual([0, null]);
  });

  test('--drain: the same without workers', async () => {
    const gateway = serve('--drain', '1');
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    gateway.process.kill('SIGTERM');
    expect(await held).toBe('');
    expect(await ended(gateway)).toEqual([0, null]);
  });

  test('workers do not outlive a primary process that is killed; they finish what runs', async () => {
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
    // What it leaves behind is in nobody's way.
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

  test('--idle-exit: when nobody has asked any of them, all end', async () => {
    const gateway = serve('--workers', '2', '--idle-exit', '1');
    expect(await ended(gateway)).toEqual([0, null]);
    expect(existsSync(gateway.place)).toBe(false);
  });
});

describe('a worker that ends', () => {
  test('by a crash is replaced, ever more slowly while they die young', async () => {
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

  test('leaves the socket open, even if it was the only one: who connects waits for the next', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    for (const pid of workersOf(gateway)) process.kill(pid, 'SIGKILL');
    expect(await ask(gateway)).toMatch(/^old \d+$/);
    expect(gateway.said()).toMatch(/^fastcgi: worker \d+ ended by SIGKILL; another one begins in 100 ms\n$/);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('because an operator sent it %s is replaced first, and finishes', async (signal) => {
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
  });

  test('--max-requests: is replaced first, and nothing is said', async () => {
    const gateway = serve('--workers', '1', '--max-requests', '5');
    const answers: string[] = [];
    await areUp(gateway, 1);
    while (new Set(answers).size < 4) answers.push(await ask(gateway));
    expect(answers.filter((answer) => !/^old \d+$/.test(answer))).toEqual([]);
    expect(gateway.said()).toBe('');
  });
});

describe('an error that nobody catches', () => {
  /** What is said of the first one, and a pattern for its stack. */
  const said = (origin: string, text = 'on purpose') =>
    `fastcgi: \\[error-uncaught\\] Nobody has caught an error \\(${origin}\\); this process takes no more requests, and ends when those that it has are answered\nfastcgi: Error: ${text}\n(?:    at .*app\\.mjs:\\d+:\\d+.*\n)(?:    at .*\n)*`;

  test.each([
    ['/reject', 'unhandledRejection'],
    ['/throw', 'uncaughtException'],
  ])('%s: what runs is answered, nothing more is taken, and the process ends with 1', async (path, origin) => {
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

  test('again and again changes nothing, and ten are said', async () => {
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
    expect(gateway.said()).toMatch(/\nfastcgi: further errors of this process are not said\n$/);
  });

  test.each(['/throw-on', '/throw-at-once'])('%s, --drain: keeps no process for longer', async (path) => {
    const gateway = serve('--drain', '1');
    await until(() => existsSync(gateway.place));
    const held = ask(gateway, '/hold');
    await isHeld();
    ask(gateway, path);
    expect(await held).toBe('');
    expect(await ended(gateway)).toEqual([1, null]);
  });

  test.each(['1', '2'])('--workers %s: another one takes its place at once, and no request is lost', async (count) => {
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

  test('--workers 1, in each process after a while: who asks waits, and is answered', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const answers: string[] = [];
    for (let round = 0; round < 4; round++) {
      const [broken = 0] = workersOf(gateway);
      answers.push(await ask(gateway, '/reject'), await ask(gateway));
      await until(() => !isRunning(broken));
    }
    expect(answers.filter((answer) => !/^old \d+$/.test(answer))).toEqual([]);
    expect(new Set(answers).size).toBeGreaterThanOrEqual(5);
  });

  test('--workers 1: who breaks again and again does not make others wait for what the first ones never finish', async () => {
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
    expect(gateway.said()).toContain(`fastcgi: worker ${first} is killed, whatever it has to finish: others have broken since\n`);
    expect(await held[0]).toBe('');
    expect(await ask(gateway)).toMatch(/^old \d+$/);
    release();
    expect(await held[2]).toMatch(/^old \d+$/);
  });

  test('--workers 1: a connection that the web server keeps goes on in the next one', async () => {
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

  test('is the application’s, where that has a way with it', async () => {
    const gateway = serve();
    await until(() => existsSync(gateway.place));
    for (const path of ['/catch', '/throw', '/reject']) expect(await ask(gateway, path)).toBe(`old ${gateway.process.pid}`);
    await until(() => readFileSync(file('caught'), 'utf8') === 'on purpose\non purpose\n');
    expect(await ask(gateway)).toBe(`old ${gateway.process.pid}`);
    expect(gateway.said()).toBe('');
  });
});

describe('SIGHUP', () => {
  test('brings new code to each, also to a single one', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const [old = 0] = workersOf(gateway);
    writeFileSync(file('app.mjs'), source('new'));
    gateway.process.kill('SIGHUP');
    await until(() => !isRunning(old));
    expect(await ask(gateway)).toBe(`new ${workersOf(gateway)[0]}`);
  });

  test('leaves the old ones when the new code is broken, and says so; mended, it comes', async () => {
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
    await until(() => workers.filter(isRunning).length === 0);
    expect(await ask(gateway)).toMatch(/^new \d+$/);
  });

  test('leaves a gap to nobody when the old one crashes while a broken new one starts', async () => {
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
    await until(() => !isRunning(old));
    release();
    await until(() => gateway.said().includes('did not start, and'));
    writeFileSync(file('app.mjs'), source('mended'));
    expect(await ask(gateway)).toMatch(/^mended \d+$/);
  });

  test('while the first workers start is not lost, and ends nothing', async () => {
    const gateway = serve('--workers', '2');
    await until(() => workersOf(gateway).length === 1);
    const [first = 0] = workersOf(gateway);
    gateway.process.kill('SIGHUP');
    await until(() => !isRunning(first));
    await areUp(gateway, 2);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
  });

  test('several at a time are one', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    for (let times = 0; times < 5; times++) gateway.process.kill('SIGHUP');
    await until(() => workers.filter(isRunning).length === 0);
    await areUp(gateway, 2);
    expect(gateway.said()).toBe('');
  });

  test('to the whole group is the same', async () => {
    const gateway = serve('--workers', '2');
    await areUp(gateway, 2);
    const workers = workersOf(gateway);
    process.kill(-(gateway.process.pid ?? 0), 'SIGHUP');
    await until(() => workers.filter(isRunning).length === 0);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
  });

  test('without workers is declined in words', async () => {
    const gateway = serve();
    await until(() => existsSync(gateway.place));
    gateway.process.kill('SIGHUP');
    await until(() => gateway.said() !== '');
    expect(gateway.said()).toBe('fastcgi: SIGHUP replaces workers, and this process has none: it keeps its code. See --workers\n');
    expect(await ask(gateway)).toBe(`old ${gateway.process.pid}`);
  });
});

describe('the place', () => {
  test('--mode: has these permissions from the beginning', async () => {
    const gateway = serve('--workers', '1', '--mode', '600');
    await areUp(gateway, 1);
    expect((statSync(gateway.place).mode & 0o777).toString(8)).toBe('600');
  });

  test('of another server is not taken away', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const second = spawn(process.execPath, [command, 'fastcgi', 'app.mjs', '--socket', gateway.place, '--workers', '2'], {
      cwd: folder,
      env: { PATH: process.env.PATH },
    });
    let said = '';
    second.stderr.on('data', (text) => {
      said += text;
    });
    expect(await once(second, 'close')).toEqual([2, null]);
    expect(said).toBe(`run-with-cgi: Another process listens on ${gateway.place} [address-in-use]\n`);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
  });

  test('a port of another server is refused', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = String(typeof address === 'object' && address !== null ? address.port : 0);
    expect(await refused('--port', port, '--workers', '2')).toBe(`Another process listens on ${port} [address-in-use]`);
    other.close();
  });
});

/** What is said instead of serving. */
async function refused(...words: string[]): Promise<string> {
  const child = spawn(process.execPath, [command, 'fastcgi', ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  expect([code, said.slice(0, 14), said.at(-1)]).toEqual([2, 'run-with-cgi: ', '\n']);
  return said.slice(14, -1);
}

describe('mistakes', () => {
  test.each([
    [['--workers', '0'], '--workers must be a number of at least 1, got 0 [option-wrong]'],
    [['--workers', 'two'], '--workers must be a number of at least 1, got two [option-wrong]'],
    [['--max-requests', '0'], '--max-requests must be a number of at least 1, got 0 [option-wrong]'],
    [['--port', '70000'], '--port must be a number from 0 to 65535, got 70000 [option-wrong]'],
    [['--socket', 'a', '--mode', '690'], '--mode must be permissions in octal digits, like 660, got 690 [option-wrong]'],
    [['--socket', 'a', '--host', '::1'], '--host needs --port, too [option-wrong]'],
    [['--port', '1', '--mode', '600'], '--mode needs --socket, too [option-wrong]'],
    [['--worker', '2'], 'There is no option --worker; did you mean --workers? [option-wrong]'],
    [['--workers', '2'], 'Descriptor 0 is not a listening socket; give --socket or --port [option-wrong]'],
    [['--socket', '/nowhere/a', '--workers', '2'], 'bind EACCES /nowhere/a [address-not-allowed]'],
  ])('%j: %s', async (words, message) => {
    writeFileSync(file('app.mjs'), source('old'));
    expect(await refused('app.mjs', ...words)).toBe(message);
  });

  test('an application that is broken is said once', async () => {
    writeFileSync(file('app.mjs'), 'this is no JavaScript');
    const said = await refused('app.mjs', '--socket', file('broken.sock'), '--workers', '3');
    expect(said.match(/\[module-broken\]/g)).toHaveLength(1);
    expect(existsSync(file('broken.sock'))).toBe(false);
  });
});
