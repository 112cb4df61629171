// A built script runs wherever it lies and whatever its name is, and is the main module of a CommonJS program.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'dist/cli/main.cjs');
/** A project whose package.json says that files in .js are ES modules, as in most projects of today. */
const project = mkdtempSync(join(tmpdir(), 'run-with-cgi-places-'));
/** The PATH with the Node of this test. */
const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
const REQUEST = { PATH, GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app.cgi', PATH_INFO: '/x' };

const APPLICATION = `export default (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return 'Hello from ' + environ.PATH_INFO;
};
`;
const HELLO = 'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello from /x';

beforeAll(() => {
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(root, join(project, 'node_modules/run-with-cgi'));
  mkdirSync(join(project, 'public/cgi-bin'), { recursive: true });
  mkdirSync(join(project, 'plain'));
  mkdirSync(join(project, 'node_modules/other/cgi-bin'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'node_modules/other/package.json'), '{ "name": "other", "type": "module" }');
  writeFileSync(join(project, 'app.mjs'), APPLICATION);
});
afterAll(() => rmSync(project, { recursive: true }));

/** Builds the module `source`, and returns the path of the script. */
function build(source: string, script: string, ...args: string[]): string {
  const { status, stderr } = spawnSync(process.execPath, [command, 'build', source, '-o', script, ...args], {
    cwd: project,
    encoding: 'utf8',
    env: { PATH },
  });
  expect([stderr, status]).toEqual(['', 0]);
  return join(project, script);
}

function run(script: string, args: string[] = [], env: Record<string, string> = {}, cwd = '/'): SpawnSyncReturns<string> {
  return spawnSync(script, args, { cwd, encoding: 'utf8', env: { ...REQUEST, ...env } });
}

describe('in a project whose package.json says "type": "module"', () => {
  test.each(['app.cgi', 'public/cgi-bin/app.cgi', 'node_modules/other/cgi-bin/app.cgi', 'out.js', 'out.mjs', 'out.cjs', 'out', 'out.txt'])(
    '%s runs',
    (place) => {
      expect(run(build('app.mjs', place))).toMatchObject({ stdout: HELLO, stderr: '', status: 0 });
    },
  );

  test.each(['out.js', 'out.mjs', 'out.cjs'])('"node %s" runs, too', (place) => {
    expect(run(process.execPath, [build('app.mjs', place)])).toMatchObject({ stdout: HELLO, stderr: '', status: 0 });
  });
});

describe('a path', () => {
  let script = '';
  beforeAll(() => {
    script = build('app.mjs', 'path.cgi');
  });

  test.each([
    'with space/a b.cgi',
    `quo'te/"it's".cgi`,
    'new\nline/a\nb.cgi',
    '$(id)/`id`.cgi',
    'ü/ü.cgi',
    '-p/--version.cgi',
    'a*/b?.cgi',
  ])('like %j is one argument', (name) => {
    const copy = join(project, name);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(script, copy);
    expect(run(copy)).toMatchObject({ stdout: HELLO, stderr: '', status: 0 });
    // thttpd and mini_httpd run a script by its name, in its folder.
    const args = ['-c', 'import os,sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], [sys.argv[2]])', dirname(copy), basename(copy)];
    expect(run('/usr/bin/python3', args)).toMatchObject({ stdout: HELLO, stderr: '', status: 0 });
  });

  test('can be a name in the PATH', () => {
    const found = spawnSync('/bin/sh', ['-c', 'path.cgi'], { encoding: 'utf8', cwd: '/', env: { ...REQUEST, PATH: `${project}:${PATH}` } });
    expect(found).toMatchObject({ stdout: HELLO, stderr: '', status: 0 });
  });

  test('RFC 3875 #14, CVE-2012-1823: arguments from the query are no options of Node', () => {
    const args = ['-r', '/etc/passwd', '--inspect', '-e', 'process.exit(9)', '--', '--version', '$(exit 9)', "'; exit 9; '"];
    for (const first of args.keys()) {
      expect(run(script, args.slice(first))).toMatchObject({ stdout: HELLO, stderr: '', status: 0 });
    }
  });
});

describe('the program', () => {
  const SEEN = `const { fork } = require('node:child_process');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const own = (object) => Object.getOwnPropertyNames(object).sort();
const seen = {
  argv: process.argv, execArgv: process.execArgv, __filename, __dirname,
  main: { ...require.main, exports: 0, loaded: require.main.loaded, parent: require.main.parent ?? null, children: 0 },
  isMain: require.main === process.mainModule, isCached: require.cache[__filename] === require.main, outside: require('outside').main,
  globals: own(globalThis), process: own(process), env: own(process.env), types: [typeof fs, typeof globalThis.require],
};
const answer = (child) => new Promise((resolve) => child.once('message', resolve));
module.exports = async (environ, startResponse) => {
  seen.forked = await answer(fork('${project}/plain/child.cjs'));
  if (!process.env.NODE_OPTIONS) seen.worker = await answer(new Worker('require("node:worker_threads").parentPort.postMessage([process.argv.slice(2), typeof fs])', { eval: true }));
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return JSON.stringify(seen);
};
`;
  let script = '';
  beforeAll(() => {
    mkdirSync(join(project, 'plain/node_modules/outside'), { recursive: true });
    writeFileSync(join(project, 'plain/package.json'), '{}');
    writeFileSync(join(project, 'plain/node_modules/outside/index.js'), 'exports.main = require.main.filename;');
    writeFileSync(join(project, 'plain/child.cjs'), 'process.send([process.execArgv, process.argv.slice(1)]); process.disconnect();');
    writeFileSync(join(project, 'plain/seen.cjs'), SEEN);
    script = build('plain/seen.cjs', 'plain/app.cgi', '--external', 'outside');
  });

  const see = ({ stdout, stderr }: SpawnSyncReturns<string>) => {
    expect(stderr).toBe('');
    return JSON.parse(stdout.split('\r\n\r\n')[1] ?? '');
  };

  test('sees the same arguments and paths as with "node app.cgi"', () => {
    const { env, ...seen } = see(run(script, ['a', '-b']));
    const { env: directEnv, ...direct } = see(run(process.execPath, [script, 'a', '-b']));
    expect(seen).toEqual(direct);
    expect(seen).toMatchObject({
      argv: [process.execPath, script, 'a', '-b'],
      execArgv: [],
      isMain: true,
      outside: script,
      types: ['undefined', 'undefined'],
      forked: [[], [join(project, 'plain/child.cjs')]],
    });
    // Variables that the shell sets itself.
    expect(env.filter((name: string) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual(directEnv);
  });

  test('is found through a symbolic link', () => {
    const link = join(project, 'link.cgi');
    symlinkSync(script, link);
    expect(see(run(link))).toMatchObject({
      argv: [process.execPath, link],
      __filename: script,
      __dirname: dirname(script),
      outside: script,
    });
    expect(see(run('/bin/sh', ['-c', './link.cgi'], {}, project)).argv).toEqual([process.execPath, link]);
  });

  test.each<[string, Record<string, string>]>([
    ['--max-old-space-size', { NODE_OPTIONS: '--max-old-space-size=100' }],
    ['a module that is loaded first', { NODE_OPTIONS: '--require ./plain/first.cjs' }],
    ['an ES module that is loaded first', { NODE_OPTIONS: '--import ./plain/first.mjs' }],
    ['what "-e" is written in', { NODE_OPTIONS: '--input-type=module' }],
  ])('runs by NODE_OPTIONS that have %s', (_what, env) => {
    for (const ending of ['cjs', 'mjs']) writeFileSync(join(project, `plain/first.${ending}`), 'globalThis.first = true;');
    const { globals, isMain } = see(run(script, [], env, project));
    expect([globals.includes('first'), isMain]).toEqual([env.NODE_OPTIONS?.includes('first') ?? false, true]);
  });

  test('finds modules by NODE_PATH', () => {
    expect(run(script, [], { NODE_PATH: '/nowhere' }).status).toBe(0);
    const copy = join(project, 'copy.cgi');
    copyFileSync(script, copy);
    expect(run(copy).stderr).toContain("Cannot find module 'outside'");
    expect(run(copy, [], { NODE_PATH: join(project, 'plain/node_modules') }).status).toBe(0);
  });
});

describe('the interpreter', () => {
  test.each([
    ['node', ''],
    ['/usr/bin/env node', ''],
    [process.execPath, ''],
    [`${process.execPath} --max-old-space-size=100`, '--max-old-space-size=100'],
  ])('can be %s', (interpreter, option) => {
    const script = build('plain/seen.cjs', 'plain/interpreter.cgi', '--external', 'outside', '--interpreter', interpreter);
    expect(JSON.parse(run(script).stdout.split('\r\n\r\n')[1] ?? '').execArgv).toEqual(option ? [option] : []);
  });

  test.each([
    ['node', 'no "node" in PATH (/nowhere)'],
    ['/nowhere/node', 'no /nowhere/node'],
    ["it's/node", "no it's/node"],
  ])('is missing, %s: the client gets 500, and the log a message', (interpreter, missing) => {
    const script = build('app.mjs', 'missing.cgi', '--interpreter', interpreter);
    const body = 'Content-Type: text/plain\r\nContent-Length: 26\r\n\r\n500 Internal Server Error\n';
    const stderr = `run-with-cgi: there is ${missing}; install Node, or name its path by --interpreter [node-missing]\n`;
    expect(run(script, [], { PATH: '/nowhere' })).toMatchObject({
      stdout: `Status: 500 Internal Server Error\r\n${body}`,
      stderr,
      status: 1,
    });
    const toHead = run(script, [], { PATH: '/nowhere', REQUEST_METHOD: 'HEAD' });
    expect(toHead.stdout).toBe(`Status: 500 Internal Server Error\r\n${body.replace(/500 .*\n$/, '')}`);
    renameSync(script, join(project, 'nph-missing.cgi'));
    const { stdout } = run(join(project, 'nph-missing.cgi'), [], { PATH: '/nowhere' });
    expect(stdout).toBe(`HTTP/1.1 500 Internal Server Error\r\n${body}`);
  });
});

test('with a Node that is too old the client gets 500, and the log a message', () => {
  const script = build('app.mjs', 'plain/old.cgi');
  // Takes a function away that only newer Nodes have.
  writeFileSync(join(project, 'old.cjs'), 'delete process.getBuiltinModule;');
  const env = { NODE_OPTIONS: `--require ${project}/old.cjs` };
  const expected = {
    stdout: 'Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n500 Internal Server Error\n',
    stderr: `run-with-cgi: Node ${process.versions.node} is too old for ${script}; it has to be 20.19, 22.12 or later [node-too-old]\n`,
    status: 1,
  };
  expect(run(script, [], env)).toMatchObject(expected);
  expect(run(process.execPath, [script], env)).toMatchObject(expected);
});

test('with a file that is cut off the client gets 500, without a body for HEAD, and the log the cause', () => {
  const script = build('app.mjs', 'plain/cut.cgi');
  writeFileSync(script, readFileSync(script).subarray(0, -20));
  const head = 'Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n';
  const stderr = expect.stringMatching(/^run-with-cgi: .*\/plain\/cut\.cgi could not be loaded: SyntaxError: .*\n$/);
  expect(run(script)).toMatchObject({ stdout: `${head}500 Internal Server Error\n`, stderr, status: 1 });
  expect(run(script, [], { REQUEST_METHOD: 'HEAD' })).toMatchObject({ stdout: head, stderr, status: 1 });
});

/** Builds a module, and returns the part of the script that the shell reads, and the part that Node reads. */
function halves(name: string): [lines: Buffer, rest: Buffer] {
  const file = readFileSync(build(`${name}.mjs`, `${name}.cgi`));
  const end = file.indexOf('\n', file.indexOf('\n') + 1);
  return [file.subarray(0, end), file.subarray(end)];
}

test("a script that is replaced between the shell's and Node's read still answers", () => {
  writeFileSync(join(project, 'longer.mjs'), `${APPLICATION}export const more = '${'x'.repeat(5000)}*/';\nconsole.debug(more.length);\n`);
  const [lines, rest] = halves('app');
  const [longerLines, longerRest] = halves('longer');
  const script = join(project, 'replaced.cgi');
  for (const mixed of [Buffer.concat([lines, longerRest]), Buffer.concat([longerLines, rest])]) {
    writeFileSync(script, mixed, { mode: 0o755 });
    expect(run(script)).toMatchObject({ stdout: HELLO, status: 0 });
  }
});

test('a source may contain "*/" and letters beyond ASCII', () => {
  const source = `const end = /a*/.source + '*/' + \`*/ \${'/*'}\`;
module.exports = (environ, start) => { start('200 OK', []); return end + 'ü日\u{1F600}\\u2028' + /ü日/.source; };\n`;
  writeFileSync(join(project, 'letters.cjs'), source);
  expect(run(build('letters.cjs', 'letters.cgi')).stdout.split('\r\n\r\n')[1]).toBe('a**/*/ /*ü日\u{1F600}\u2028ü日');
});
