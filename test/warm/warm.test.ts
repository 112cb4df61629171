// A warm CGI script, run as a web server runs it, process by process: who answers, and that nobody goes without an answer.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
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
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { ask as askServer } from '../servers/client.ts';
import { servers, start } from '../servers/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-warm-'));
const script = join(folder, 'cgi-bin/app.cgi');
const WWW_DATA = 33;

const source = (version: string) => `export function application(environ, startResponse) {
  const { PATH_INFO } = environ;
  if (PATH_INFO === '/throw') throw new Error('on purpose');
  if (PATH_INFO === '/print') console.log('x'.repeat(1_100_000));
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  if (PATH_INFO === '/echo') return environ['wsgi.input'];
  if (PATH_INFO === '/environ') return JSON.stringify(environ);
  if (PATH_INFO === '/reject') setTimeout(() => Promise.reject(new Error('nobody catches it')), 50);
  if (PATH_INFO === '/wait') return new Promise((resolve) => setTimeout(resolve, 500, 'waited'));
  return JSON.stringify({ version: '${version}', pid: process.pid, resident: !environ['wsgi.run_once'], env: process.env });
}
`;

interface Seen {
  errors: string;
  version: string;
  pid: number;
  resident: boolean;
  env: Record<string, string>;
}

async function build(version: string, path = join(folder, `${version}.cgi`)): Promise<string> {
  const module = join(folder, `${version}.mjs`);
  writeFileSync(module, source(version));
  await buildScript(module, path, { exportName: 'application', warm: true, keepEnv: ['OF_THE_SERVER'] });
  return path;
}

/** Puts the script in its place at once, as a deployment should. */
function deploy(built: string): void {
  copyFileSync(built, `${script}.new`);
  renameSync(`${script}.new`, script);
}

let one = '';
let two = '';
beforeAll(async () => {
  chmodSync(folder, 0o755);
  mkdirSync(dirname(script));
  [one, two] = [await build('one'), await build('two')];
}, 60_000);
afterEach(async () => {
  for (const pid of workers()) process.kill(pid, 'SIGKILL');
  await until(() => workers().length === 0);
  for (const name of readdirSync(folder)) if (name.startsWith('tmp')) rmSync(join(folder, name), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Processes of Node that run a script below our folder, and not for one request. */
function workers(): number[] {
  const found = spawnSync('/bin/sh', ['-c', `grep -lz ^RUN_WITH_CGI_WARM_WORKER=${folder} /proc/[0-9]*/environ 2>/dev/null`], {
    encoding: 'utf8',
  });
  return found.stdout.split('\n').flatMap((path) => /\d+/.exec(path)?.map(Number) ?? []);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 400) throw new Error('that never came to be');
    await sleep(25);
  }
}

interface Request {
  path?: string;
  body?: string | Buffer;
  env?: Record<string, string>;
  tmp?: string;
  file?: string;
  /** What runs it, where that is not the system. */
  command?: string[];
  uid?: number;
}

interface Answer {
  head: string;
  body: string;
  errors: string;
}

const children = new Set<ChildProcess>();

function ask({ path = '/', body = '', env = {}, tmp = 'tmp', file = script, command = [file], uid }: Request = {}): Promise<Answer> {
  const place = join(folder, tmp);
  mkdirSync(place, { recursive: true });
  if (uid !== undefined) chownSync(place, uid, uid);
  const [program = '', ...words] = command;
  const child = spawn(program, words, {
    cwd: dirname(script),
    env: {
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      TMPDIR: place,
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: body === '' ? 'GET' : 'POST',
      ...(body !== '' && { CONTENT_LENGTH: String(Buffer.byteLength(body)) }),
      SCRIPT_NAME: '/cgi-bin/app.cgi',
      PATH_INFO: path,
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'localhost',
      OF_THE_SERVER: 'yes',
      ...env,
    },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  children.add(child);
  const out: Buffer[] = [];
  let errors = '';
  child.stdout.on('data', (block: Buffer) => out.push(block));
  child.stderr.on('data', (text: Buffer) => {
    errors += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(body);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      children.delete(child);
      const output = Buffer.concat(out).toString('latin1');
      const end = output.indexOf('\r\n\r\n');
      resolve({ head: output.slice(0, end), body: output.slice(end + 4), errors });
    });
  });
}

/** The only file below the folder of sockets whose name ends so. */
function left(ending: string): string {
  return files('tmp')
    .filter((name) => name.endsWith(ending))
    .join();
}

/** All that lies below a folder of sockets, sockets too. */
function files(tmp: string): string[] {
  const found = spawnSync('/usr/bin/find', [join(folder, tmp), '!', '-type', 'd'], { encoding: 'utf8' });
  return found.stdout.split('\n').filter(Boolean).sort();
}

async function see(request: Request = {}): Promise<Seen> {
  const { head, body, errors } = await ask(request);
  if (!head.startsWith('Status: 200 OK')) throw new Error(`no answer: ${head}${body}${errors}`);
  return { ...JSON.parse(body), errors };
}

/** Asks until the worker answers; returns its process. */
async function warmUp(request: Request = {}): Promise<number> {
  let seen = await see(request);
  await until(async () => {
    seen = await see(request);
    return seen.resident;
  });
  return seen.pid;
}

/** Asks all the time, by several processes at once, until what `meanwhile` does is done. */
async function askAllTheTime(meanwhile: () => Promise<void>): Promise<Seen[]> {
  const all: Seen[] = [];
  let isDone = false;
  const clients = Array.from({ length: 4 }, async () => {
    while (!isDone) all.push(await see());
  });
  await meanwhile().finally(() => {
    isDone = true;
  });
  await Promise.all(clients);
  return all;
}

describe('a warm script', () => {
  test('is answered by Node at first, and by one worker later', async () => {
    deploy(one);
    const first = await see();
    expect(first).toMatchObject({ version: 'one', resident: false });
    const pid = await warmUp();
    expect([await see(), await see()]).toMatchObject([
      { pid, resident: true },
      { pid, resident: true },
    ]);
    expect(workers()).toEqual([pid]);
  });

  test('is plain CGI without cgi-fcgi, and leaves nothing behind', async () => {
    deploy(one);
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    for (let count = 0; count < 3; count++) expect((await see({ env: { PATH: bin } })).resident).toBe(false);
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  });

  test('gives the application the same environ, but for what is true of a worker', async () => {
    deploy(one);
    // A built file sets NODE_ENV in its own process, where the server has not.
    const request = {
      path: '/environ',
      env: { NODE_ENV: 'production', QUERY_STRING: 'a=%C3%BC', HTTP_X: 'one', REMOTE_ADDR: '192.0.2.1' },
    };
    const plain = JSON.parse((await ask(request)).body);
    await warmUp();
    const warm = JSON.parse((await ask(request)).body);
    expect({ ...warm, 'wsgi.input': {}, 'wsgi.errors': {} }).toEqual({
      ...plain,
      'wsgi.input': {},
      'wsgi.errors': {},
      'wsgi.run_once': false,
      'wsgi.multithread': true,
    });
  });

  test('has in its process what is the system’s, and what the builder names, and nothing of a request', async () => {
    deploy(one);
    const request = {
      ...{
        HTTP_AUTHORIZATION: 'Basic of one',
        HTTP_PROXY: 'of one',
        QUERY_STRING: 'of one',
        REMOTE_USER: 'of one',
        SSL_CLIENT_CERT: 'of one',
        // Here the shell looks for itself what there is twice.
        FCGI_ROLE: 'RESPONDER',
      },
      // What modules of a server call what they know about a client: of OpenID Connect, PHP, LDAP, Shibboleth, Kerberos, SetEnvIf.
      ...{ OIDC_CLAIM_email: 'of one', PHP_AUTH_PW: 'of one', AUTHENTICATE_MAIL: 'of one', eppn: 'of one', 'Shib-Session-ID': 'of one' },
      ...{ KRB5CCNAME: 'of one', GEOIP_COUNTRY_CODE: 'of one', is_mobile: 'of one', USER: 'of one', HTTPS: 'on', REDIRECT_eppn: 'of one' },
    };
    const system = {
      LC_ALL: 'C.UTF-8',
      TZ: 'UTC',
      HOME: folder,
      NODE_ENV: 'production',
      SSL_CERT_FILE: '/nowhere',
      https_proxy: 'http://proxy.test',
    };
    await warmUp({ env: { ...request, ...system } });
    const { env } = await see();
    const { PATH, TMPDIR, ...others } = env;
    expect(others).toEqual({ ...system, OF_THE_SERVER: 'yes' });
    expect([PATH, TMPDIR]).toEqual([`${dirname(process.execPath)}:/usr/bin:/bin`, join(folder, 'tmp')]);
    const log = readFileSync(left('.log'), 'utf8');
    expect(log).toBe(
      "warm: the worker has no AUTHENTICATE_MAIL, GEOIP_COUNTRY_CODE, KRB5CCNAME, OIDC_CLAIM_email, PHP_AUTH_PW, USER, eppn, is_mobile in its environment: they may belong to the request that has started it; name those that are the server's by build --warm --keep-env NAME\n",
    );
  });

  test('passes bodies of any size, both ways', async () => {
    deploy(one);
    await warmUp();
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, at) => `${at} ü\n`).join(''));
    expect((await ask({ path: '/echo', body })).body === body.toString('latin1')).toBe(true);
  });

  test('that throws is a 500, and the cause is in the server’s log', async () => {
    deploy(one);
    await warmUp();
    const { head, errors } = await ask({ path: '/throw' });
    expect(head).toMatch(/^Status: 500 /);
    expect(errors).toContain('Error: on purpose');
  });

  test('that prints without end does not fill the disk', async () => {
    deploy(one);
    await warmUp();
    const log = spawnSync('/usr/bin/find', [join(folder, 'tmp'), '-name', '*.log'], { encoding: 'utf8' }).stdout.trim();
    await ask({ path: '/print' });
    expect(statSync(log).size).toBeGreaterThan(1_000_000);
    await until(() => statSync(log).size === 0);
  });
});

describe('no request is lost', () => {
  test('when 50 are the first', async () => {
    deploy(one);
    const all = await Promise.all(Array.from({ length: 50 }, () => see()));
    expect(all.map(({ version }) => version)).toEqual(Array.from({ length: 50 }, () => 'one'));
    const pid = await warmUp();
    await until(() => workers().join() === String(pid));
  });

  test('when the worker was killed and its socket is left', async () => {
    deploy(one);
    for (let round = 0; round < 3; round++) {
      const pid = await warmUp();
      process.kill(pid, 'SIGKILL');
      await until(() => workers().length === 0);
      const { head, body, errors } = await ask();
      expect([head.slice(0, 14), JSON.parse(body).resident, errors]).toEqual(['Status: 200 OK', false, '']);
    }
  });

  test('when there is a new version, which answers from its first moment', async () => {
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
    // Four ask at a time, so that a few answers can overtake.
    expect(versions.slice(versions.indexOf('two') + 4)).not.toContain('one');
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

  test('when the worker leaves because nobody asks', async () => {
    deploy(one);
    const env = { RUN_WITH_CGI_IDLE_EXIT: '1' };
    const pid = await warmUp({ env });
    await until(() => !workers().includes(pid));
    expect(files('tmp')).toEqual([]);
    expect((await see({ env })).resident).toBe(false);
  });

  test('when more wait than the backlog holds', async () => {
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

  test('when there is an error that nobody catches: what runs is answered, and another worker comes', async () => {
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

  test('when two workers start for one script: the earlier one gives way', async () => {
    deploy(one);
    const pid = await warmUp();
    const [socket = ''] = spawnSync('/usr/bin/find', [join(folder, 'tmp'), '-type', 's'], { encoding: 'utf8' }).stdout.split('\n');
    const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, RUN_WITH_CGI_WARM_WORKER: socket };
    spawn(process.execPath, [script], { env, detached: true, stdio: 'ignore' });
    await askAllTheTime(() => until(() => workers().length === 1 && !workers().includes(pid)));
    expect((await see()).pid).toBe(workers()[0]);
  });
});

describe('what is left', () => {
  const namesOf = (version: string) => {
    const built = { one, two }[version];
    const [, hash = version] = built ? (/\.([0-9a-f]{12});/.exec(readFileSync(built, 'latin1')) ?? []) : [];
    return files('tmp').flatMap((path) => (path.includes(hash) ? [path.slice(path.indexOf(hash) + hash.length)] : []));
  };

  test('by a worker that gives way to a new version is nothing', async () => {
    deploy(one);
    const old = await warmUp();
    deploy(two);
    await warmUp();
    await until(() => !workers().includes(old));
    expect([namesOf('one'), namesOf('two')]).toEqual([[], ['', '.log', '.pid']]);
  });

  test('by a worker that was killed is taken away by the next version', async () => {
    deploy(one);
    const pid = await warmUp();
    writeFileSync(left('.log').replace(/log$/, 'lock'), '');
    utimesSync(left('.lock'), 0, 0);
    process.kill(pid, 'SIGKILL');
    expect(namesOf('one')).toEqual(['', '.lock', '.log', '.pid']);
    deploy(two);
    await warmUp();
    await until(() => namesOf('one').length === 0);
    expect(namesOf('two')).toEqual(['', '.log', '.pid']);
  });

  test('by what lives, is starting or may have requests to finish stays', async () => {
    deploy(one);
    const pid = await warmUp();
    const beside = (name: string) => left('.log').replace(/[^.]*\.log$/, name);
    const names = ['0'.repeat(12), '1'.repeat(12), '2'.repeat(12), 'other'].map((name) => beside(`${name}.log`));
    for (const name of [...names, beside('000000000000.lock')]) writeFileSync(name, '');
    for (const name of [names[0], names[1], names[3]]) utimesSync(name ?? '', 0, 0);
    process.kill(pid, 'SIGSTOP'); // so it does not leave
    deploy(two);
    await warmUp();
    await until(() => !files('tmp').includes(names[1] ?? ''));
    process.kill(pid, 'SIGCONT');
    expect([namesOf('one'), namesOf('000000000000'), namesOf('222222222222'), namesOf('other')]).toEqual([
      ['', '.log', '.pid'],
      ['.lock', '.log'],
      ['.log'],
      ['.log'],
    ]);
  });
});

describe('the socket is where nobody else can reach it', () => {
  const socketOf = (tmp: string) => spawnSync('/usr/bin/find', [join(folder, tmp), '-type', 's'], { encoding: 'utf8' }).stdout.trim();

  test('by its own permissions and those of its folder', async () => {
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
  ])('%s is not used', async (_what, prepare) => {
    deploy(one);
    const place = join(folder, `tmp-other/run-with-cgi-${WWW_DATA}`);
    mkdirSync(dirname(place));
    prepare(place);
    const request = { uid: WWW_DATA, tmp: 'tmp-other' };
    for (let count = 0; count < 3; count++) expect((await see(request)).resident).toBe(false);
    expect([workers(), socketOf('tmp-other')]).toEqual([[], '']);
  });

  test('a socket in a folder of another user is not spoken to', async () => {
    deploy(one);
    const [, version] = /\.([0-9a-f]{12});/.exec(readFileSync(script, 'latin1')) ?? [];
    const socket = join(folder, `tmp-other/run-with-cgi-${WWW_DATA}`, `${script}.${version}`);
    mkdirSync(dirname(socket), { recursive: true });
    const before = process.cwd();
    process.chdir(dirname(socket)); // an address has 107 bytes
    let count = 0;
    const listener = createServer((connection) => {
      count++;
      connection.destroy();
    }).listen(basename(socket));
    process.chdir(before);
    await once(listener, 'listening');
    chmodSync(socket, 0o777);
    expect((await see({ uid: WWW_DATA, tmp: 'tmp-other' })).resident).toBe(false);
    listener.close();
    expect(count).toBe(0);
  });

  test('a socket of another user is not spoken to, though it lies in a folder of ours', async () => {
    deploy(one);
    const [, version] = /\.([0-9a-f]{12});/.exec(readFileSync(script, 'latin1')) ?? [];
    const place = join(folder, `tmp-other/run-with-cgi-${WWW_DATA}`);
    const socket = join(place, `${script}.${version}`);
    mkdirSync(dirname(socket), { recursive: true });
    chownSync(place, WWW_DATA, WWW_DATA);
    const before = process.cwd();
    process.chdir(dirname(socket));
    let count = 0;
    const listener = createServer((connection) => {
      count++;
      connection.destroy();
    }).listen(basename(socket));
    process.chdir(before);
    await once(listener, 'listening');
    symlinkSync(`/proc/${process.pid}/cwd`, `${socket}.pid`);
    chmodSync(socket, 0o777);
    expect((await see({ uid: WWW_DATA, tmp: 'tmp-other' })).resident).toBe(false);
    listener.close();
    expect(count).toBe(0);
  });

  test('the folder is that of the effective user, also under a shell that does not become the real one', async () => {
    deploy(one);
    chmodSync(script, 0o755);
    const command = ['/usr/bin/setpriv', `--ruid=${WWW_DATA}`, '--clear-groups', '/bin/bash', '--posix', '-p', script];
    const pid = await warmUp({ command });
    onTestFinished(() => {
      process.kill(pid, 'SIGKILL');
      rmSync(`/tmp/run-with-cgi-0${folder}`, { recursive: true });
    });
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\t33\t0\t/m);
    // Where the users differ, the C library takes TMPDIR away.
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toContain(`RUN_WITH_CGI_WARM_WORKER=/tmp/run-with-cgi-0${script}`);
  });

  test('the folder may lie in one of the same name', async () => {
    deploy(one);
    mkdirSync(join(folder, 'tmp/run-with-cgi-0/inner'), { recursive: true });
    chmodSync(join(folder, 'tmp/run-with-cgi-0'), 0o755);
    await warmUp({ env: { TMPDIR: join(folder, 'tmp/run-with-cgi-0/inner') } });
  });

  test('two users of one script have a worker each', async () => {
    deploy(one);
    chmodSync(script, 0o755);
    const mine = await warmUp();
    const theirs = await warmUp({ uid: WWW_DATA, tmp: 'tmp-www' });
    expect(theirs).not.toBe(mine);
    expect((await see()).pid).toBe(mine);
  });

  test('two copies of one script have a worker each', async () => {
    deploy(one);
    const mine = await warmUp();
    const file = join(folder, 'cgi-bin/copy.cgi');
    copyFileSync(script, file);
    expect(await warmUp({ file })).not.toBe(mine);
  });

  test('a path that is too long for a socket is plain CGI', async () => {
    const file = join(folder, `cgi-bin/${'long-'.repeat(20)}.cgi`);
    copyFileSync(one, file);
    for (let count = 0; count < 2; count++) expect((await see({ file })).resident).toBe(false);
    expect(workers()).toEqual([]);
  });
});

describe('under real servers', () => {
  test.each(servers.filter(({ name }) => /Apache|lighttpd|busybox/.test(name)).map((server) => [server.name, server] as const))(
    '%s',
    async (_name, server) => {
      const site = await start(server, (cgiBin) => copyFileSync(one, join(cgiBin, 'app.cgi')));
      const get = async (): Promise<Seen> => JSON.parse((await askServer(site.port, { path: '/cgi-bin/app.cgi' })).body);
      const ours = () =>
        spawnSync('/usr/bin/pgrep', ['-f', `^[^ ]*node .* ${site.folder}`], { encoding: 'utf8' })
          .stdout.split('\n')
          .filter(Boolean)
          .map(Number);
      try {
        expect((await get()).resident).toBe(false);
        await until(async () => (await get()).resident);
        const all = await Promise.all(Array.from({ length: 20 }, get));
        expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
        const { status } = await askServer(site.port, { path: '/cgi-bin/app.cgi/throw' });
        expect(status).toBe(500);
      } finally {
        await site.stop();
        for (const pid of ours()) process.kill(pid, 'SIGKILL');
      }
    },
  );
});
