// run-with-cgi build --standalone=node: an executable that has Node in it, and is a built script for Node in everything else.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { command, Project, root } from '../project.ts';
import { application, ask, body, builder, elsewhere, project, REQUEST } from './executable.ts';

const { build, runBuild } = builder('--standalone=node', process.env.PATH);

test.each(['Hono', 'Express', 'Koa', 'Fastify'])('%s answers, and build says how long it takes', (name) => {
  const script = join(elsewhere, 'framework.cgi');
  const { stdout, stderr, status } = runBuild(join(root, `cgi-bin/${name.toLowerCase()}.ts`), '-o', script, '--standalone=node');
  expect([stderr, status]).toEqual(['', 0]);
  expect(stdout).toMatch(/framework\.cgi: \d{5,6} kB; answers in [\d.]+ ms; node takes [\d.]+ ms for an empty file\n$/);
  const answer = ask(script, { SCRIPT_NAME: '', PATH_INFO: '/' });
  expect([body(answer), answer.stderr]).toEqual([`Hello from ${name}!\n`, '']);
});

test('the same source gives the same bytes', () => {
  const bytes = () => readFileSync(build({ 'same.mjs': application('1') }, [], join(elsewhere, 'same.cgi')));
  expect(bytes().equals(bytes())).toBe(true);
});

describe('whatever is around it, it does the same:', () => {
  let script = '';
  const HELLO = { stdout: 'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nundefined', stderr: '', status: 0 };
  const trap = join(project, 'trap.js');
  const sprung = join(project, 'sprung');
  beforeAll(() => {
    script = build({ 'plain.mjs': application('process.env.FROM_A_FILE') }, ['--no-trial'], join(elsewhere, 'plain.cgi'));
    writeFileSync(trap, `require('node:fs').writeFileSync(${JSON.stringify(sprung)}, '');`);
  });

  test('the folder in which it runs, and its own', () => {
    const files = {
      '.env': 'FROM_A_FILE=1',
      'package.json': '{',
      'node.config.json': '{',
      '.noderc': 'trap.js',
      'node_modules/fs/index.js': readFileSync(trap, 'utf8'),
    };
    const folder = join(project, 'hostile');
    new Project(folder, {}).write(files);
    copyFileSync(script, join(folder, 'app.cgi'));
    expect(ask(join(folder, 'app.cgi'), { HOME: folder, XDG_CONFIG_HOME: folder }, [], folder)).toMatchObject(HELLO);
    expect(existsSync(sprung)).toBe(false);
  });

  test.each([
    ['HTTP_NODE_OPTIONS', '--version'],
    ['HTTP_PROXY', 'http://127.0.0.1:9'],
    ['QUERY_STRING', '--inspect'],
    ['NODE_PATH', '/nowhere'],
    ['HOME', '/nowhere'],
    ['TMPDIR', '/nowhere'],
    ['', '1'],
  ])('%s=%s', (name, value) => {
    expect(ask(script, { [name]: value })).toMatchObject(HELLO);
  });

  test('RFC 3875 #14, CVE-2012-1823: words of the query are no options of Node', () => {
    for (const words of [
      ['--version'],
      ['--help'],
      ['--inspect'],
      ['--require', trap],
      ['-e', 'process.exit(9)'],
      ['--print', '1'],
      [trap],
      ['--', trap],
      ['--env-file=.env'],
      ['--experimental-sea-config', trap],
      ['inspect'],
      ['-'],
    ]) {
      expect([words, ask(script, {}, words)]).toMatchObject([words, HELLO]);
    }
    expect(existsSync(sprung)).toBe(false);
  });

  test('the body of a request, where a word of the query names it as a file of variables', () => {
    const input = `NODE_OPTIONS=--require ${trap}\nFROM_A_FILE=1\n`;
    for (const words of [['--env-file=/proc/self/fd/0'], ['--env-file', '/dev/stdin'], ['a', '--env-file-if-exists=/dev/stdin']]) {
      const ended = spawnSync(script, words, { input, encoding: 'utf8', env: { ...REQUEST, REQUEST_METHOD: 'POST' } });
      expect([words, ended]).toMatchObject([words, HELLO]);
    }
    expect(existsSync(sprung)).toBe(false);
  });

  test.each(['node', 'nph-app.cgi', 'a b.cgi', 'ü.cgi', '-p', 'app'])('its name, %s', (name) => {
    const copy = join(elsewhere, 'names', name);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(script, copy);
    expect(ask(copy, { SCRIPT_NAME: '/x' }, ['--version'])).toMatchObject(HELLO);
    rmSync(copy);
  });
});

describe('the program', () => {
  test('believes to be the file, and requires what is not put in from there', () => {
    writeFileSync(join(elsewhere, 'beside.cjs'), 'exports.main = require.main.filename;');
    const source = `const seen = { argv: process.argv, __filename, __dirname, execPath: process.execPath };
module.exports = (environ, start) => {
  const name = './besi' + 'de.cjs';
  start('200 OK', []);
  return JSON.stringify({ ...seen, outside: require(name).main, builtIn: typeof require('f' + 's').readFileSync, version: process.version });
};
`;
    const script = build({ 'seen.cjs': source }, ['--no-trial']);
    expect(JSON.parse(body(ask(script, {}, ['a', '-b'])) ?? '')).toEqual({
      argv: [script, script, 'a', '-b'],
      execPath: script,
      __filename: script,
      __dirname: elsewhere,
      outside: script,
      builtIn: 'function',
      version: process.version,
    });
  });

  test('has no arguments but those of the web server, and can call itself as it likes', () => {
    const source = `module.exports = (environ, start) => {
  process.title = 'a title';
  start('200 OK', []);
  return JSON.stringify([process.argv.slice(2), process.execArgv, process.title]);
};
`;
    const script = build({ 'words.cjs': source }, ['--no-trial']);
    for (const words of [[], ['--'], ['--', '--', 'a'], ['', '--title=x'], ['-'.repeat(100_000)]]) {
      expect(JSON.parse(body(ask(script, {}, words)) ?? '')).toEqual([words, [], words.length > 0 ? 'a title' : expect.any(String)]);
    }
  });

  test('uses the code that V8 has compiled', () => {
    const source = `const v8 = require('node:v8');
const { Script } = require('node:vm');
let rejected = 'not asked';
module.exports = (environ, start) => { start('200 OK', []); return String(rejected); };
`;
    // The class that the executable makes its program of tells what it did with the code.
    const preload = join(project, 'preload.cjs');
    writeFileSync(
      preload,
      `const vm = require('node:vm'), { Script } = vm;
vm.Script = class extends Script { constructor(...args) { super(...args); require('node:fs').writeSync(2, 'rejected: ' + this.cachedDataRejected + '\\n'); } };`,
    );
    const { stderr } = ask(build({ 'code.cjs': source }), { NODE_OPTIONS: `--require ${preload}` });
    expect(stderr).toBe('rejected: false\n');
  });

  test('has its assets in the folder beside it', () => {
    const source = `import { readFileSync } from 'node:fs';
const page = readFileSync('views/page.html', 'utf8') + readFileSync(new URL('./views/page.html', import.meta.url), 'utf8');
export default { fetch: () => new Response(page) };
`;
    expect(body(ask(build({ 'page.mjs': source, 'views/page.html': 'page' }, ['--assets', 'views'])))).toBe('pagepage');
  });

  test('that throws while it is loaded leaves the file and the line in the log, and ends with 1', () => {
    const head = '\n\nif (process.env.REQUEST_METHOD) throw new Error("broken");';
    const { stdout, stderr, status } = ask(build({ 'broken.mjs': application('1', head) }, ['--no-trial']));
    expect([stdout, status]).toEqual(['', 1]);
    expect(stderr).toMatch(/Error: broken\n {4}at .*broken\.mjs:3:39\n/);
  });

  test('that starts itself is stopped', () => {
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

  test('is a FastCGI server where its descriptor 0 is a socket that listens', () => {
    const script = build({ 'stays.mjs': application('process.pid') }, ['--no-trial']);
    const listener = `import os, socket, subprocess, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[2])
server.listen()
child = subprocess.Popen([sys.argv[1]], stdin=server, env={})
env = {'REQUEST_METHOD': 'GET', 'PATH': os.environ['PATH']}
answers = [subprocess.run(['cgi-fcgi', '-bind', '-connect', sys.argv[2]], env=env, capture_output=True, text=True).stdout for _ in range(2)]
child.terminate()
sys.stdout.write(str([answer.split('\\n\\n')[1] == str(child.pid) for answer in answers]) + str(child.wait()))`;
    const words = ['-c', listener, script, join(elsewhere, 'socket')];
    expect(spawnSync('/usr/bin/python3', words, { encoding: 'utf8' })).toMatchObject({ stdout: '[True, True]0', stderr: '' });
  });
});

test.each([
  [['--standalone=node', '--target', 'linux-x64'], '--target is not for --standalone=node; run build on such a machine'],
  [['--standalone=node', '--interpreter', '/usr/bin/node'], '--interpreter is not for --standalone'],
  [['--standalone=node', '--warm'], '--warm is not for --standalone'],
  [['--standalone=deno'], 'The runtime must be node or bun, got deno'],
])('%j', (words, message) => {
  writeFileSync(join(project, 'a.mjs'), application('1'));
  expect(runBuild('a.mjs', ...words)).toMatchObject({ stderr: `run-with-cgi: ${message} [option-wrong]\n`, status: 2 });
});

test('a Node that is not one file is refused', () => {
  // Without the mark that a program can be put in, as where a Linux distribution has most of Node in a library.
  const bytes = readFileSync(process.execPath);
  bytes.write('x', bytes.indexOf('NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:0'));
  const node = join(project, 'node');
  writeFileSync(node, bytes, { mode: 0o755 });
  const words = [command, 'build', 'a.mjs', '--standalone=node'];
  expect(spawnSync(node, words, { cwd: project, encoding: 'utf8', env: { PATH: process.env.PATH } })).toMatchObject({
    stderr: `run-with-cgi: --standalone=node needs a Node that is one file, and ${node} is not one; run build with the Node of nodejs.org [runtime-missing]\n`,
    status: 2,
  });
  expect(existsSync(join(project, 'a.cgi'))).toBe(false);
});
