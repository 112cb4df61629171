// A built script whose compiled code is refused by the V8 at hand makes code of its own, after its response, and the next
// requests use it. Nobody else can put code there, and nothing that goes wrong with it changes an answer.

import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { root } from './project.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-code-'));
const home = join(folder, 'home');
const codeFolder = join(home, '.cache/run-with-cgi/code');
const NOBODY = 65534;
/** Bytes of a file before the code. */
const HEADER = 256;
const isRoot = process.geteuid?.() === 0;

/** Two applications whose sources have the same length: V8 takes the code of the one for that of the other. */
const source = (name: string) => `const later = () => ${JSON.stringify('x'.repeat(200))}.replaceAll('x', 'y').length;
process.on('exit', () => process.env.AT_EXIT && console.error('at exit'));
export default (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return '${name}' + (environ.PATH_INFO === '/later' ? later() : '');
};
`;
const answer = (body: string) => `Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

let one = '';
let two = '';
let native = '';
beforeAll(async () => {
  chmodSync(folder, 0o755);
  native = await build('one', join(folder, 'native.cgi'));
  one = forAnotherV8(native, 'one.cgi');
  two = forAnotherV8(await build('two', join(folder, 'two-native.cgi')), 'two.cgi');
}, 60_000);
beforeEach(() => {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function build(name: string, script: string, interpreter = 'node'): Promise<string> {
  const module = join(folder, `${name}.mjs`);
  writeFileSync(module, source(name));
  await buildScript(module, script, { exportName: 'default', interpreter });
  return script;
}

/** Returns a copy of `script` that says that another version of V8 has compiled its code. */
function forAnotherV8(script: string, name: string): string {
  const v8 = process.versions.v8.replace(/-.*/, '-');
  const text = readFileSync(script, 'latin1');
  expect(text.split(`,"${v8}",`)).toHaveLength(2);
  const path = join(folder, name);
  writeFileSync(path, text.replace(`,"${v8}",`, `,"${v8.replace(/\d/g, '0')}",`), { encoding: 'latin1', mode: 0o755 });
  return path;
}

interface Request {
  path?: string;
  env?: Record<string, string>;
  uid?: number;
  /** The Node that runs the script. */
  node?: string;
}

function options({ path = '/', env = { HOME: home }, uid, node = process.execPath }: Request): SpawnOptions {
  const request = { PATH: `${dirname(node)}:/usr/bin:/bin`, GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' };
  return { cwd: '/', env: { ...request, PATH_INFO: path, ...env }, ...(uid !== undefined && { uid, gid: uid }) };
}

/** Runs a script for a request. */
function ask(script: string, request: Request = {}): { stdout: string; stderr: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(script, { ...options(request), encoding: 'utf8' });
  return { stdout: String(stdout), stderr: String(stderr), status };
}

/** Returns the paths of the files with code. */
function files(place = codeFolder): string[] {
  return existsSync(place) ? readdirSync(place).map((name) => join(place, name)) : [];
}

/** Lets `one` make code, and puts that of `two` in its place. Whoever uses it answers "two". Returns the path. */
function poison(place = codeFolder, request: Request = {}, script = one, other = two): string {
  expect(ask(other, request).stdout).toBe(answer('two'));
  const [from = ''] = files(place);
  expect(ask(script, request).stdout).toBe(answer('one'));
  const [to = ''] = files(place).filter((path) => path !== from);
  writeFileSync(to, Buffer.concat([readFileSync(to).subarray(0, HEADER), readFileSync(from).subarray(HEADER)]));
  rmSync(from);
  return to;
}

const ONE = { stdout: answer('one'), stderr: '', status: 0 };
const TWO = { stdout: answer('two'), stderr: '', status: 0 };

describe('a script whose code is refused', () => {
  test('makes a file that only its user can read, in a folder that only its user can enter', () => {
    expect(ask(one)).toEqual(ONE);
    expect(files()).toHaveLength(1);
    const name = new RegExp(`^[0-9a-f]{32}-${process.arch}-${process.versions.v8.replaceAll('.', '\\.')}$`);
    expect(readdirSync(codeFolder)).toEqual([expect.stringMatching(name)]);
    const modes = [dirname(codeFolder), codeFolder, ...files()].map((path) => statSync(path).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  test('uses what an earlier request has made, and leaves it as it is', () => {
    const path = poison();
    const before = statSync(path);
    expect(ask(one)).toEqual(TWO);
    expect(ask(one)).toEqual(TWO);
    expect(statSync(path)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  });

  test.each<[string, () => Record<string, string>, string]>([
    ['XDG_CACHE_HOME', () => ({ XDG_CACHE_HOME: home, HOME: '/nowhere' }), 'run-with-cgi/code'],
    ['TMPDIR, without the others', () => ({ TMPDIR: home }), `run-with-cgi-${process.geteuid?.()}/code`],
    ['TMPDIR, where HOME is missing', () => ({ TMPDIR: home, HOME: join(home, 'none') }), `run-with-cgi-${process.geteuid?.()}/code`],
    ['TMPDIR, where HOME is relative', () => ({ TMPDIR: home, HOME: 'a' }), `run-with-cgi-${process.geteuid?.()}/code`],
  ])('keeps it below %s', (_what, env, place) => {
    poison(join(home, place), { env: env() });
    expect(ask(one, { env: env() })).toEqual(TWO);
  });

  test.runIf(isRoot)('keeps it below TMPDIR where HOME is that of another user', () => {
    chownSync(home, NOBODY, NOBODY);
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    ask(one, { env: { HOME: home, TMPDIR: temporary } });
    expect([readdirSync(home), files(join(temporary, `run-with-cgi-${process.geteuid?.()}/code`)).length]).toEqual([[], 1]);
  });

  test('makes nothing and uses nothing with RUN_WITH_CGI_CODE_CACHE=off', () => {
    const off = { HOME: home, RUN_WITH_CGI_CODE_CACHE: 'off' };
    expect(ask(one, { env: off })).toEqual(ONE);
    expect(readdirSync(home)).toEqual([]);
    poison();
    expect(ask(one, { env: off })).toEqual(ONE);
  });

  test('lets the listeners of the application for "exit" write to the log', () => {
    expect(ask(one, { env: { HOME: home, AT_EXIT: 'yes' } })).toEqual({ ...ONE, stderr: 'at exit\n' });
    expect(files()).toHaveLength(1);
  });

  test('makes code for the flags of V8, too', async () => {
    const [flagged, other] = [join(folder, 'flagged.cgi'), join(folder, 'flagged-two.cgi')];
    await build('one', flagged, 'node --stack-size=900');
    await build('two', other, 'node --stack-size=900');
    expect(poison(codeFolder, {}, flagged, other)).toMatch(/-[0-9a-f]+$/);
    expect(ask(flagged)).toEqual(TWO);
    expect(ask(native)).toEqual(ONE);
  });

  const nodes = join(root, 'test/nodes/node_modules');
  const binaries = existsSync(nodes) ? readdirSync(nodes).map((name) => join(nodes, name, 'bin/node')) : [];
  test.each(binaries.filter((node) => existsSync(node)))('makes code for %s', (node) => {
    const { stdout } = spawnSync(node, ['-p', 'process.versions.v8'], { encoding: 'utf8' });
    if (stdout.trim() === process.versions.v8) {
      expect(ask(native, { node })).toEqual(ONE);
      expect(readdirSync(home)).toEqual([]);
    } else {
      expect(poison(codeFolder, { node }, native, join(folder, 'two-native.cgi'))).toContain(stdout.trim());
      expect(ask(native, { node })).toEqual(TWO);
    }
  });
});

describe('with the version of V8 that build had', () => {
  test('nothing is made, and nothing is looked for', () => {
    const log = join(folder, 'strace');
    const trace = ['-f', '-o', log, '-e', 'trace=%file', native];
    expect(spawnSync('strace', trace, { ...options({}), encoding: 'utf8' }).stdout).toBe(answer('one'));
    const paths = readFileSync(log, 'utf8')
      .split('\n')
      .flatMap((line) => /"([^"]*)"/.exec(line)?.[1] ?? []);
    const own = paths.slice(paths.lastIndexOf(native) + 1).filter((path) => path !== '' && !/^\/(?:proc|sys|dev)\//.test(path));
    expect(paths).toContain(native);
    expect(own).toEqual([]);
    expect(paths.filter((path) => path.startsWith(home))).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('code is made', () => {
  /** Returns the path of the lock that a process takes before it makes code for `one`. */
  function lockPath(): string {
    ask(one);
    const [path = ''] = files();
    rmSync(path);
    return `${path}.lock`;
  }

  test('when request, response and log are closed', () => {
    const log = join(folder, 'strace');
    spawnSync('strace', ['-f', '-o', log, '-e', 'trace=openat,close,write', one], options({}));
    const lines = readFileSync(log, 'utf8').split('\n');
    const written = lines.findIndex((line) => line.includes('"Status: 200 OK'));
    const response = /write\((\d+),/.exec(lines[written] ?? '')?.[1];
    const closed = ['0', response, '2'].map((descriptor) =>
      lines.findIndex((line, at) => at > written && line.includes(`close(${descriptor})`)),
    );
    const made = lines.findIndex((line) => line.includes('.lock"'));
    expect(Math.min(...closed)).toBeGreaterThan(written);
    expect(made).toBeGreaterThan(Math.max(...closed));
    expect(files()).toHaveLength(1);
  });

  test('even when the server sends SIGTERM after the response, as lighttpd does', async () => {
    const slow = ['-e', 'trace=openat', '-P', lockPath(), '-e', 'inject=openat:delay_enter=1000000'];
    // -D: the process that is started becomes the script.
    const child = spawn('strace', ['-D', '-f', '-o', '/dev/null', ...slow, one], options({}));
    const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve([code, signal])));
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await sleep(200);
    expect([files(), child.kill('SIGTERM')]).toEqual([[], true]);
    expect(await exited).toEqual([0, null]);
    expect(files()).toHaveLength(1);
  });

  test('once by fifty first requests at the same time', async () => {
    const asked = Array.from({ length: 50 }, async () => {
      const child = spawn(one, options({}));
      let [stdout, stderr] = ['', ''];
      child.stdout?.on('data', (text) => {
        stdout += text;
      });
      child.stderr?.on('data', (text) => {
        stderr += text;
      });
      const status = await new Promise((resolve) => child.on('close', resolve));
      return { stdout, stderr, status };
    });
    for (const result of await Promise.all(asked)) expect(result).toEqual(ONE);
    const [path = '', ...others] = files();
    expect(others).toEqual([]);
    expect(readFileSync(path).readUInt32LE(0)).toBe(1);
    expect(ask(one)).toEqual(ONE);
  }, 60_000);

  test('again with what later requests have compiled, after 10 s, 40 s and so on, eight times in all', () => {
    ask(one);
    const [path = ''] = files();
    const size = () => statSync(path).size;
    const made = () => readFileSync(path).readUInt32LE(0);
    const ageBy = (seconds: number) => utimesSync(path, new Date(), new Date(Date.now() - seconds * 1000));
    const first = size();
    ageBy(9);
    ask(one, { path: '/later' });
    expect([made(), size()]).toEqual([1, first]);
    ageBy(11);
    expect(ask(one, { path: '/later' }).stdout).toBe(answer('one200'));
    const second = size();
    expect(made()).toBe(2);
    expect(second).toBeGreaterThan(first);
    ageBy(39);
    ask(one);
    expect([made(), size()]).toEqual([2, second]);
    ageBy(41);
    ask(one);
    expect(made()).toBe(3);
    expect(size()).toBeGreaterThanOrEqual(second);
    for (let times = 3; times < 8; times++) {
      ageBy(10 * 4 ** (times - 1) + 1);
      ask(one);
      expect(made()).toBe(times + 1);
    }
    ageBy(365 * 86_400);
    ask(one);
    expect(made()).toBe(8);
  });
});

describe('code is not used', () => {
  test.each<[string, (path: string) => void]>([
    ['that others may write', (path) => chmodSync(path, 0o620)],
    ['that others may read', (path) => chmodSync(path, 0o604)],
    ['of another user', (path) => (isRoot ? chownSync(path, NOBODY, 0) : chmodSync(path, 0o644))],
    [
      'behind a link',
      (path) => {
        renameSync(path, `${path}.real`);
        symlinkSync(`${path}.real`, path);
      },
    ],
    ['in a folder that others may enter', () => chmodSync(dirname(codeFolder), 0o755)],
    ['in a folder of another user', () => (isRoot ? chownSync(dirname(codeFolder), NOBODY, 0) : chmodSync(dirname(codeFolder), 0o755))],
    [
      'in a folder behind a link',
      () => {
        renameSync(dirname(codeFolder), join(home, 'real'));
        symlinkSync(join(home, 'real'), dirname(codeFolder));
      },
    ],
    ['that is cut short', (path) => writeFileSync(path, readFileSync(path).subarray(0, -1))],
    ['that is cut in half', (path) => writeFileSync(path, readFileSync(path).subarray(0, 5000))],
    ['that is empty', (path) => writeFileSync(path, '')],
    ['that is longer', (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(8)]))],
    [
      'that is damaged',
      (path) => {
        const bytes = readFileSync(path);
        bytes[HEADER + 5000] = (bytes[HEADER + 5000] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      },
    ],
    ['whose end was never written', (path) => writeFileSync(path, readFileSync(path).fill(0, 8192))],
    ['of another file', (path) => writeFileSync(path, readFileSync(path).fill('0', 4, 36))],
    [
      'where a folder is in its place',
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
    [
      'where a FIFO is in its place',
      (path) => {
        rmSync(path);
        spawnSync('mkfifo', ['-m', '600', path]);
      },
    ],
  ])('%s', (_what, spoil) => {
    const path = poison();
    expect(ask(one)).toEqual(TWO);
    spoil(path);
    expect(ask(one)).toEqual(ONE);
    expect(ask(one)).toEqual(ONE);
  });

  test.runIf(isRoot)('that another user has laid ready in a folder for all', () => {
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    const place = join(shared, `run-with-cgi-${NOBODY}`);
    poison(join(shared, 'run-with-cgi-0/code'), { env: { TMPDIR: shared } });
    renameSync(join(shared, 'run-with-cgi-0'), place);
    for (const path of [place, join(place, 'code'), ...files(join(place, 'code'))]) chmodSync(path, 0o777);
    const before = files(join(place, 'code'));
    for (let count = 0; count < 2; count++) expect(ask(one, { env: { TMPDIR: shared }, uid: NOBODY })).toEqual(ONE);
    expect(files(join(place, 'code'))).toEqual(before);
    // The folder alone is the user's own, but what is in it came from elsewhere.
    chownSync(place, NOBODY, NOBODY);
    chmodSync(place, 0o700);
    expect(ask(one, { env: { TMPDIR: shared }, uid: NOBODY })).toEqual(ONE);
    expect(ask(one, { env: { TMPDIR: shared }, uid: NOBODY })).toEqual(ONE);
  });
});

describe('nothing is made, and nothing is said', () => {
  test('on a full disk, and the next attempt follows after a minute', () => {
    ask(one);
    const [path = ''] = files();
    rmSync(path);
    const args = ['-f', '-o', '/dev/null', '-P', `${path}.new`, '-e', 'trace=write,pwrite64', '-e', 'inject=write,pwrite64:error=ENOSPC'];
    const { stdout, stderr, status } = spawnSync('strace', [...args, one], { ...options({}), encoding: 'utf8' });
    expect({ stdout, stderr, status }).toEqual(ONE);
    expect(files()).toEqual([`${path}.lock`]);
    expect(ask(one)).toEqual(ONE);
    expect(files()).toEqual([`${path}.lock`]);
    const past = new Date(Date.now() - 61_000);
    utimesSync(`${path}.lock`, past, past);
    expect(ask(one)).toEqual(ONE);
    expect(files()).toEqual([path]);
  });

  test.runIf(isRoot)('where the folder cannot be written', () => {
    chownSync(home, NOBODY, NOBODY);
    chmodSync(home, 0o500);
    expect(ask(one, { uid: NOBODY })).toEqual(ONE);
    expect(readdirSync(home)).toEqual([]);
    expect(ask(one, { env: { TMPDIR: join(folder, 'none/of/these') }, uid: NOBODY })).toEqual(ONE);
  });

  test('in a folder that is full of younger code; old code makes room', () => {
    mkdirSync(codeFolder, { recursive: true, mode: 0o700 });
    for (const place of [dirname(codeFolder), codeFolder]) chmodSync(place, 0o700);
    for (let number = 100; number < 230; number++) writeFileSync(join(codeFolder, String(number)), '', { mode: 0o600 });
    expect(ask(one)).toEqual(ONE);
    expect(files().filter((path) => !/\/\d+$/.test(path))).toEqual([expect.stringMatching(/\.lock$/)]);
    for (let number = 100; number < 230; number++) {
      const past = new Date(Date.now() - (86_400 + number) * 1000);
      utimesSync(join(codeFolder, String(number)), past, past);
    }
    for (const path of files()) if (path.endsWith('.lock')) rmSync(path);
    expect(ask(one)).toEqual(ONE);
    const names = readdirSync(codeFolder);
    expect([names.length, names.includes('100'), names.includes('229')]).toEqual([127, true, false]);
  });
});
