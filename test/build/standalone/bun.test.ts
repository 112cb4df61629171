// run-with-cgi build --standalone: an executable that has its runtime in it, and does what it does whatever is around it.

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Project, root } from '../project.ts';
import { application, ask, body, builder, elsewhere, project, REQUEST } from './executable.ts';

const bun = join(root, 'test/build/bun/node_modules/bun/bin/bun.exe');
/** With Bun, which scripts/prepare puts there. */
const { build, runBuild } = builder('--standalone', `${join(root, 'test/build/bun/node_modules/.bin')}:${process.env.PATH}`);
/** Runs `run-with-cgi build` with `path` as the PATH. */
const buildBy = (path: string, ...words: string[]) => new Project(project, { PATH: path }).build(...words);

describe('an executable answers, of an application', () => {
  test.each([
    ['of PEP 3333', application('environ.PATH_INFO')],
    ['of the Fetch kind', 'export default { fetch: (request) => new Response(new URL(request.url).pathname) };'],
    ['that listens', 'import { createServer } from "node:http"; createServer((req, res) => res.end(req.url.slice(-2))).listen(80);'],
    [
      'that exports itself and listens as well',
      `import { createServer } from 'node:http';
const app = { fetch: (request) => new Response(new URL(request.url).pathname) };
createServer(() => {}).listen(1, '192.0.2.1');
globalThis.Bun?.serve({ hostname: '192.0.2.1', port: 1, fetch: app.fetch });
export default app;`,
    ],
    ['with a top-level await', application('late', "const late = await new Promise((resolve) => setTimeout(resolve, 5, '/x'));")],
    [
      'that runs itself',
      "import { runWithCgi } from 'run-with-cgi';\nrunWithCgi((environ, start) => { start('200 OK', []); return '/x'; });\n",
    ],
    ['in CommonJS', "const { sep } = require('path');\nmodule.exports = (environ, start) => { start('200 OK', []); return sep + 'x'; };\n"],
  ])('%s', (_kind, source) => {
    const { stdout, stderr, status } = ask(
      build({ [source.includes('module.exports') ? 'kind.cjs' : 'kind.mjs']: source }, ['--no-trial']),
    );
    expect([stdout, stderr, status]).toEqual([expect.stringMatching(/^Status: 200 OK\r\n(?:[\s\S]*\r\n)?\r\n.*\/x$/), '', 0]);
  });

  test.each(['Hono', 'Express', 'Koa', 'Fastify'])('of %s, and build says how long it takes', (name) => {
    const script = join(elsewhere, 'framework.cgi');
    const { stdout, stderr, status } = runBuild(join(root, `cgi-bin/${name.toLowerCase()}.ts`), '-o', script, '--standalone');
    expect([stderr, status]).toEqual(['', 0]);
    expect(stdout).toMatch(/framework\.cgi: \d{6} kB; answers in [\d.]+ ms; node takes [\d.]+ ms for an empty file\n$/);
    const answer = ask(script, { SCRIPT_NAME: '', PATH_INFO: '/' });
    expect([body(answer), answer.stderr]).toEqual([`Hello from ${name}!\n`, '']);
  });
});

describe('an executable answers the same, whatever surrounds it:', () => {
  let script = '';
  const HELLO = { stdout: 'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nundefined', stderr: '', status: 0 };
  const trap = join(project, 'trap.js');
  const sprung = join(project, 'sprung');
  beforeAll(() => {
    script = build({ 'plain.mjs': application('process.env.FROM_A_FILE') }, ['--no-trial'], join(elsewhere, 'plain.cgi'));
    writeFileSync(trap, `require('node:fs').writeFileSync(${JSON.stringify(sprung)}, '');`);
  });

  test('files in the current folder and in its own folder', () => {
    const files = {
      '.env': 'FROM_A_FILE=1',
      '.env.production': 'FROM_A_FILE=2',
      '.env.local': 'FROM_A_FILE=3',
      'bunfig.toml': `preload = [${JSON.stringify(trap)}]\n`,
      '.bunfig.toml': `preload = [${JSON.stringify(trap)}]\n`,
      'package.json': '{',
      'tsconfig.json': '{',
      'node_modules/fs/index.js': readFileSync(trap, 'utf8'),
    };
    const folder = join(project, 'hostile');
    new Project(folder, {}).write(files);
    copyFileSync(script, join(folder, 'app.cgi'));
    expect(ask(join(folder, 'app.cgi'), { HOME: folder, XDG_CONFIG_HOME: folder, NODE_ENV: 'production' }, [], folder)).toMatchObject(
      HELLO,
    );
    expect(existsSync(sprung)).toBe(false);
  });

  test.each<[string, string]>([
    ['BUN_BE_BUN', '1'],
    ['BUN_OPTIONS', '--version'],
    ['BUN_OPTIONS', `--preload=${trap}`],
    ['BUN_OPTIONS', '--print 1'],
    ['BUN_OPTIONS', `--cpu-prof --cpu-prof-dir=${project}/written`],
    ['BUN_INSPECT', 'ws://127.0.0.1:9/x?wait=1'],
    ['BUN_INSPECT_PRELOAD', trap],
    ['BUN_INSPECT_CONNECT_TO', `${project}/written`],
    ['BUN_INSPECT_NOTIFY', `unix://${project}/written`],
    ['BUN_JSC_dumpOptions', '1'],
    ['BUN_JSC_noSuchOption', '1'],
    ['BUN_CONFIG_VERBOSE_FETCH', 'curl'],
    ['BUN_BYTECODE_ORDER_OUT', `${project}/written`],
    ['BUN_BYTECODE_DIGEST_OUT', `${project}/written`],
    ['BUN_RUNTIME_TRANSPILER_CACHE_PATH', `${project}/written`],
    ['BUN_TRACE', `${project}/written`],
    ['BUN_TMPDIR', `${project}/written`],
    ['BUN_INSTALL', `${project}/hostile`],
    ['BUN_DESTRUCT_VM_ON_EXIT', '1'],
    ['BUN_GARBAGE_COLLECTOR_LEVEL', '2'],
    ['BUN_', ''],
    ['JSC_dumpOptions', '1'],
    ['JSC_PROFILER_PATH', `${project}/written`],
    ['MIMALLOC_VERBOSE', '1'],
    ['mimalloc_show_stats', '1'],
    ['ICU_DATA', `${project}/hostile`],
    ['NODE_OPTIONS', `--require ${trap}`],
    ['NODE_PATH', `${project}/hostile/node_modules`],
    ['NODE_COMPILE_CACHE', `${project}/written`],
    ['NODE_V8_COVERAGE', `${project}/written`],
    ['NODE_REDIRECT_WARNINGS', `${project}/written`],
    ['NODE_DEBUG', 'fs,http,module'],
    ['NODE_CHANNEL_FD', '1'],
    ['NODE_UNIQUE_ID', '1'],
    ['NODE_EXTRA_CA_CERTS', trap],
    ['SSL_CERT_FILE', trap],
    ['SSL_CERT_DIR', project],
    ['TMPDIR', '/nowhere'],
    ['HOME', '/nowhere'],
    ['HTTP_PROXY', 'http://127.0.0.1:9'],
    ['HTTP_BUN_BE_BUN', '1'],
    ['QUERY_STRING', '--inspect'],
    ['', '1'],
  ])('%s=%s', (name, value) => {
    const before = readdirSync(project);
    expect(ask(script, { [name]: value })).toMatchObject(HELLO);
    expect(readdirSync(project)).toEqual(before);
  });

  test('RFC 3875 #14, CVE-2012-1823: words of the query are no options of Bun', () => {
    for (const words of [
      ['--version'],
      ['--help'],
      ['--inspect'],
      ['--preload', trap],
      ['-e', 'process.exit(9)'],
      ['--print', '1'],
      ['run', trap],
      [trap],
      ['--', trap],
      ['--env-file=.env'],
      ['--config=bunfig.toml'],
      ['install'],
      ['upgrade'],
      ['repl'],
      ['-'],
    ]) {
      expect([words, ask(script, {}, words)]).toMatchObject([words, HELLO]);
    }
    expect(existsSync(sprung)).toBe(false);
  });

  test.each(['bun', 'bunx', 'node', 'nph-app.cgi', 'a b.cgi', 'ü.cgi', '-p', 'app'])('a name like %s', (name) => {
    const copy = join(elsewhere, 'names', name);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(script, copy);
    expect(ask(copy, { SCRIPT_NAME: '/x' }, ['--version'])).toMatchObject(HELLO);
    // By its name, in its folder, as thttpd and mini_httpd call it.
    const words = ['-c', 'import os,sys; os.chdir(sys.argv[1]); os.execv("./"+sys.argv[2], [sys.argv[2]])', dirname(copy), name];
    expect(ask('/usr/bin/python3', { SCRIPT_NAME: '/x' }, words)).toMatchObject(HELLO);
    rmSync(copy);
  });

  // Root may change its root folder, and mount what belongs there.
  test.skipIf(process.getuid?.() !== 0)('a root folder with nothing in it but the C library and /proc', () => {
    const place = join(elsewhere, 'root');
    mkdirSync(join(place, 'proc'), { recursive: true });
    copyFileSync(script, join(place, 'app.cgi'));
    const { stdout } = spawnSync('ldd', [script], { encoding: 'utf8' });
    for (const [library = ''] of stdout.matchAll(/\/\S+/g)) {
      mkdirSync(dirname(join(place, library)), { recursive: true });
      copyFileSync(library, join(place, library));
    }
    chmodSync(join(place, 'app.cgi'), 0o755);
    const words = ['-m', '/bin/sh', '-c', 'mount -t proc proc "$0/proc" && exec /usr/sbin/chroot "$0" /app.cgi', place];
    expect(ask('/usr/bin/unshare', {}, words)).toMatchObject(HELLO);
  });
});

test('httpoxy: a "Proxy:" header chooses no proxy, from the first line of the application on', async () => {
  const server = createServer((request, response) => response.end(request.url)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  // build loads it, too, when the server cannot answer.
  const head = `const early = process.versions.bun && (await (await fetch('http://127.0.0.1:${port}/direct')).text());`;
  const script = build({ 'early.mjs': application('early', head) }, ['--no-trial']);
  const child = spawn(script, { env: { ...REQUEST, HTTP_PROXY: `http://127.0.0.1:${port}` } });
  let output = '';
  for await (const block of child.stdout) output += block;
  server.close();
  expect(output.split('\r\n\r\n')[1]).toBe('/direct');
});

describe('the program', () => {
  test("has the executable's path for its own, and requires external packages from there", () => {
    writeFileSync(join(elsewhere, 'beside.cjs'), 'exports.main = require.main.filename;');
    const source = `const seen = { argv: process.argv, __filename, __dirname, execPath: process.execPath, main: require.main === module };
module.exports = (environ, start) => {
  const name = './besi' + 'de.cjs';
  start('200 OK', []);
  return JSON.stringify({ ...seen, outside: require(name).main, builtIn: typeof require('f' + 's').readFileSync, version: typeof process.versions.bun });
};
`;
    const script = build({ 'seen.cjs': source }, ['--no-trial']);
    expect(JSON.parse(body(ask(script, {}, ['a', '-b'])) ?? '')).toEqual({
      argv: [script, script, 'a', '-b'],
      execPath: script,
      __filename: script,
      __dirname: elsewhere,
      main: false, // what esbuild calls module is not the main one, in a file for Node neither
      outside: script,
      builtIn: 'function',
      version: 'string',
    });
  });

  test('has its assets in the folder beside it', () => {
    const source = `import { readFileSync } from 'node:fs';
const page = readFileSync('views/page.html', 'utf8') + readFileSync(new URL('./views/page.html', import.meta.url), 'utf8');
export default { fetch: () => new Response(page) };
`;
    expect(body(ask(build({ 'page.mjs': source, 'views/page.html': 'page' }, ['--assets', 'views'])))).toBe('pagepage');
  });

  test('finds a package that --external left out', () => {
    const place = join(project, 'node_modules/left-out');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'index.js'), "module.exports = 'outside';");
    const script = build({ 'outside.mjs': application('left', "import left from 'left-out';") }, ['--external', 'left-out'], 'outside.cgi');
    expect(body(ask(join(project, script)))).toBe('outside');
  });

  test('that throws while it loads writes the error to the log and exits with status 1', () => {
    const head = 'if (process.versions.bun) throw new Error("broken");';
    const { stdout, stderr, status } = ask(build({ 'broken.mjs': application('1', head) }, ['--no-trial']));
    expect([stdout, status]).toEqual(['', 1]);
    expect(stderr).toMatch(/error: broken\n/);
  });

  test('that starts itself ends with an error', () => {
    const source = `import { fork, spawnSync } from 'node:child_process';
export default async (environ, start) => {
  const exit = await new Promise((resolve) => fork('other.mjs').once('exit', resolve));
  const { status } = spawnSync(process.execPath, ['other.mjs'], { stdio: ['ignore', 'inherit', 'inherit'] });
  start('200 OK', []);
  return exit + ' ' + status;
};
`;
    const { stdout, stderr } = ask(build({ 'forks.mjs': source }, ['--no-trial']));
    expect(stdout).toBe('Status: 200 OK\r\nContent-Length: 3\r\n\r\n1 1');
    expect(stderr.split('\n').filter((line) => line.endsWith('[standalone-forked]'))).toHaveLength(2);
  });

  test('refuses to serve FastCGI, with a message', () => {
    const script = build({ 'stays.mjs': application('1') }, ['--no-trial']);
    const listener = `import socket, subprocess, sys
server = socket.create_server(('127.0.0.1', 0))
sys.exit(subprocess.run([sys.argv[1]], stdin=server, env={}).returncode)`;
    expect(spawnSync('/usr/bin/python3', ['-c', listener, script], { encoding: 'utf8' })).toMatchObject({
      stdout: '',
      stderr:
        'run-with-cgi: a standalone executable answers CGI only, and its standard input is a socket that listens [standalone-resident]\n',
      status: 1,
    });
  });

  test("that fails logs the author's lines, with the source map beside it", () => {
    const source = "const inner = () => {\n  throw new Error('oh');\n};\nexport default () => inner();\n";
    const { stdout, stderr } = ask(build({ 'fails.mjs': source }, ['--no-trial']));
    expect(stdout).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(stderr).toMatch(/Error: oh\n {4}at inner \([^ ]*fails\.mjs:2:\d+\)\n {4}at \S+ \([^ ]*fails\.mjs:4:\d+\)\n/);
  });

  test('keeps the names of its classes and functions', () => {
    const source = 'class ProductNotFound extends Error {}\nfunction namedSo() {}\n';
    expect(
      body(ask(build({ 'names.mjs': application('new ProductNotFound().constructor.name + namedSo.name', source) }, ['--no-trial']))),
    ).toBe('ProductNotFoundnamedSo');
  });
});

describe('build says in one line', () => {
  beforeAll(() => writeFileSync(join(project, 'a.mjs'), application('1')));

  test('that there is no Bun', () => {
    const { stderr, status } = buildBy('/bin', 'a.mjs', '--standalone');
    expect(stderr).toBe('run-with-cgi: --standalone needs Bun, and it is not installed; npm install --save-dev bun [runtime-missing]\n');
    expect(status).toBe(2);
  });

  test('that Bun is too old', () => {
    const old = join(project, 'old');
    mkdirSync(old, { recursive: true });
    writeFileSync(join(old, 'bun'), '#!/bin/sh\necho 1.3.14\n', { mode: 0o755 });
    expect(buildBy(`${old}:/bin`, 'a.mjs', '--standalone').stderr).toBe(
      `run-with-cgi: --standalone needs Bun 1.4 or later, and ${old}/bun is 1.3.14; npm install --save-dev bun [runtime-missing]\n`,
    );
  });

  test('that there is no Bun for the other machine', () => {
    const version = spawnSync(bun, ['--version'], { encoding: 'utf8' }).stdout.trim();
    expect(runBuild('a.mjs', '--standalone', '--target', 'linux-arm64-musl').stderr).toBe(
      `run-with-cgi: --target linux-arm64-musl needs the package @oven/bun-linux-aarch64-musl, and it is not installed; npm install --no-save --force @oven/bun-linux-aarch64-musl@${version} [runtime-missing]\n`,
    );
  });

  test.each([
    [['--target', 'linux-x64'], '--target needs --standalone, too'],
    [['--standalone', '--interpreter', '/usr/bin/bun'], '--interpreter is not for --standalone'],
    [['--standalone', '--warm'], '--warm is not for --standalone'],
    [
      ['--standalone', '--target', 'windows'],
      'The target must be one of linux-x64, linux-x64-baseline, linux-x64-musl, linux-x64-musl-baseline, linux-arm64, linux-arm64-musl, got windows',
    ],
  ])('%j', (words, message) => {
    expect(runBuild('a.mjs', ...words)).toMatchObject({ stderr: `run-with-cgi: ${message} [option-wrong]\n`, status: 2 });
  });
});

test('Bun is found when npm ran no install scripts, and Bun for another machine in its own package', () => {
  const place = join(project, 'apart');
  const packages = { bun: 'bin/bun.exe', '@oven/bun-linux-x64': 'bin/bun', '@oven/bun-linux-x64-baseline': 'bin/bun' };
  const { version } = JSON.parse(readFileSync(join(dirname(bun), '../package.json'), 'utf8'));
  for (const [name, file] of Object.entries(packages)) {
    const folder = join(place, 'node_modules', name);
    mkdirSync(join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version }));
    if (name === 'bun') writeFileSync(join(folder, file), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    else symlinkSync(bun, join(folder, file));
  }
  writeFileSync(join(place, 'a.mjs'), application('environ.PATH_INFO'));
  const script = join(elsewhere, 'apart.cgi');
  const words = [join(place, 'a.mjs'), '-o', script, '--standalone', '--target', 'linux-x64-baseline', '--no-trial'];
  expect(buildBy('/usr/bin:/bin', ...words)).toMatchObject({ stderr: '', status: 0 });
  expect([body(ask(script)), statSync(script).mode & 0o777]).toEqual(['/x', 0o755]);
});
