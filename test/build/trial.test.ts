// What build says when an application does not answer, and what it leaves behind: nothing, however it ends.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'dist/cli/main.cjs');
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-trial-'));
const project = join(folder, 'project');
/** Where builds keep what is temporary. */
const temporary = join(folder, 'tmp');
const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, TMPDIR: temporary };

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const path of [temporary, join(project, 'node_modules')]) mkdirSync(path, { recursive: true });
  symlinkSync(root, join(project, 'node_modules/run-with-cgi'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), content);
  }
}

function build(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [command, 'build', ...words], { cwd: project, encoding: 'utf8', env });
}

/** What is in the project beside its modules, and in the temporary folder. */
const left = () => [
  ...readdirSync(project).filter((name) => name !== 'node_modules' && !/^\w+\.[cm]?[jt]sx?$/.test(name)),
  ...readdirSync(temporary),
];

const ANSWER = "(environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'hello'; }";
const handler = (statement: string, head = '') => `${head}\nexport default { fetch(request) { ${statement} } };\n`;

describe('an application that does not answer', () => {
  const asked = 'run-with-cgi: app.cgi was asked for /, in an empty folder and environment, and';

  test.each<[string, string, string]>([
    [
      'for it ends before',
      "if (process.env.GATEWAY_INTERFACE) { console.error('bye'); process.exit(3); }\nexport default () => {};\n",
      `${asked} ended with exit status 3, without an answer [build-fails]\nbye\n`,
    ],
    [
      'for something ends it',
      "if (process.env.GATEWAY_INTERFACE) process.kill(process.pid, 'SIGKILL');\nexport default () => {};\n",
      `${asked} ended with SIGKILL, without an answer [build-fails]\n`,
    ],
    [
      'for it waits for ever',
      handler("console.error('waiting'); return new Promise((resolve) => setTimeout(resolve, 60_000));"),
      `${asked} gave no answer in 10 seconds; --trial-path takes another path, --no-trial no trial at all [build-fails]\nwaiting\n`,
    ],
  ])('%s', (_why, source, message) => {
    write({ 'app.mjs': source });
    expect(build('app.mjs')).toMatchObject({ stderr: message, status: 2 });
    expect(left()).toEqual([]);
  });

  test.each<[string, string, RegExp]>([
    [
      'a file is missing',
      handler("return new Response(readFileSync('page.html'));", "import { readFileSync } from 'node:fs';"),
      /and answered by 500; name the files and folders that it reads by --assets \[build-fails\]\n/,
    ],
    [
      'a module whose name is made at run time is',
      handler(
        "const name = 'some' + 'thing'; return createRequire(import.meta.url)(name);",
        "import { createRequire } from 'node:module';",
      ),
      /and answered by 500; it requires something by a name that it makes while it runs: import something by its name, or leave it out by --external something and install it where the script runs \[/,
    ],
    [
      'a native addon is',
      handler("throw new Error('Could not locate the bindings file. Tried: …');"),
      /; it needs a native addon, which cannot be put into one file: leave its package out by --external, and install that where the script runs \[/,
    ],
    [
      'the cache of Cloudflare is',
      handler('return caches.default.match(request);'),
      /; only Cloudflare has caches: test globalThis\.caches before you use them \[/,
    ],
  ])('%s: it is said what helps', (_why, source, message) => {
    write({ 'app.mjs': source });
    const { stderr, status } = build('app.mjs');
    expect(stderr).toMatch(message);
    expect([status, left()]).toEqual([2, []]);
  });
});

describe('what is asked', () => {
  const routes = (routes: string) => handler(`const { pathname, search } = new URL(request.url); ${routes}`);

  test('is the path of --trial-path, with its query', () => {
    write({
      'app.mjs': routes("if (pathname + search !== '/health/%C3%BC?a=b') throw new Error(pathname + search); return new Response('');"),
    });
    expect(build('app.mjs', '--trial-path', '/health/%C3%BC?a=b')).toMatchObject({ stderr: '', status: 0 });
    expect(build('app.mjs').stderr).toContain('app.cgi was asked for /, in an empty');
    expect(build('app.mjs', '--trial-path', 'health')).toMatchObject({
      stderr: 'run-with-cgi: The path of --trial-path must begin with "/", got health [path-wrong]\n',
      status: 2,
    });
  });

  test('is nothing with --no-trial', () => {
    write({
      'app.mjs': routes("writeFileSync('/proc/self/cwd/asked', ''); return new Response('');").replace(
        /^/,
        "import { writeFileSync } from 'node:fs';\nif (process.env.GATEWAY_INTERFACE) throw new Error('run');\n",
      ),
    });
    const { stdout, stderr, status } = build('app.mjs', '--no-trial');
    expect([stdout, stderr, status]).toEqual([
      expect.stringMatching(/^Building the default export of app\.mjs, a Fetch handler, into app\.cgi\napp\.cgi: \d+ kB\n$/),
      '',
      0,
    ]);
  });

  test.each([
    [
      'everywhere',
      "return new Response('', { status: 404 });",
      'warning: / is answered by 404; --trial-path names a path that the application has\n',
    ],
    [
      'behind the path of a script',
      "return new Response('', { status: environ.SCRIPT_NAME ? 404 : 200 });",
      'warning: / is answered by 200 at the root of a server, and by 404 behind the path of a script, /cgi-bin/app.cgi\n',
    ],
    [
      'at the root',
      "return new Response('', { status: environ.SCRIPT_NAME ? 200 : 404 });",
      'warning: / is answered by 404 at the root of a server, and by 200 behind the path of a script, /cgi-bin/app.cgi\n',
    ],
  ])('and not found %s: that is said', (_where, statement, stderr) => {
    write({ 'app.mjs': handler(statement).replace('request', 'request, environ') });
    expect(build('app.mjs')).toMatchObject({ stderr, status: 0 });
  });
});

describe('a build that is interrupted', () => {
  /** Waits until the application runs, in the trial or before that. */
  async function started(): Promise<void> {
    for (let tries = 0; !existsSync(join(project, 'started')); tries++) {
      if (tries === 400) throw new Error('it does not start');
      await sleep(25);
    }
  }
  const running = () =>
    readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes('A_TRIAL=yes');
      } catch {
        return false;
      }
    });

  test.each<[string, NodeJS.Signals, string]>([
    ['in the trial', 'SIGINT', 'process.env.A_TRIAL'],
    ['in the trial', 'SIGTERM', 'process.env.A_TRIAL'],
    ['in the trial', 'SIGHUP', 'process.env.A_TRIAL'],
    ['while the module is loaded', 'SIGINT', 'true'],
    ['while the module is loaded', 'SIGTERM', 'true'],
  ])('%s, by %s, leaves nothing behind', async (_when, signal, condition) => {
    const where = condition === 'true' ? '!process.env.GATEWAY_INTERFACE' : 'process.env.GATEWAY_INTERFACE';
    write({
      'app.mjs': `import { writeFileSync } from 'node:fs';
process.on('SIGINT', () => {});
if (${where}) { writeFileSync('${project}/started', ''); await new Promise((resolve) => setTimeout(resolve, 60_000)); }
export default ${ANSWER};
`,
    });
    const words = [command, 'build', 'app.mjs', ...(condition === 'true' ? [] : ['--env', 'A_TRIAL=yes'])];
    const child = spawn(process.execPath, words, { cwd: project, env, stdio: 'ignore' });
    await started();
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([null, signal]);
    rmSync(join(project, 'started'));
    expect(left()).toEqual([]);
    for (let tries = 0; running().length > 0; tries++) {
      expect(tries).toBeLessThan(100);
      await sleep(25);
    }
  });

  test('by the application itself: that is said', () => {
    write({ 'app.mjs': "console.error('no DATABASE_URL');\nprocess.exit(0);\n" });
    expect(build('app.mjs')).toMatchObject({
      stderr: 'no DATABASE_URL\nrun-with-cgi: app.mjs ended the process by process.exit() while it was loaded [module-broken]\n',
      status: 2,
    });
    expect(left()).toEqual([]);
  });
});

describe('the file that is written', () => {
  beforeEach(() => write({ 'app.mjs': `import './other.mjs';\nexport default ${ANSWER};\n`, 'other.mjs': '' }));

  test.each([
    ['the module', 'app.mjs'],
    ['the module by another name', './app.mjs'],
    ['a module that it imports', 'other.mjs'],
    ['a link to it', 'link.mjs'],
  ])('is not %s', (_what, name) => {
    symlinkSync('app.mjs', join(project, 'link.mjs'));
    const before = readFileSync(join(project, name));
    expect(build('app.mjs', '-o', name)).toMatchObject({
      stderr: `run-with-cgi: ${name} is one of the sources; give the script another name by --output [output-wrong]\n`,
      status: 2,
    });
    expect(readFileSync(join(project, name))).toEqual(before);
  });

  test('is no folder', () => {
    expect(build('app.mjs', '-o', 'node_modules')).toMatchObject({
      stderr: 'run-with-cgi: node_modules is a folder; name a file in it by --output [output-wrong]\n',
      status: 2,
    });
  });

  test('can lie in a folder that is not there yet', () => {
    write({ 'fails.mjs': 'export default () => { throw new Error(); };\n' });
    expect(build('fails.mjs', '-o', 'out/cgi-bin/app.cgi').status).toBe(2);
    expect(existsSync(join(project, 'out'))).toBe(false);
    expect(build('app.mjs', '-o', 'out/cgi-bin/app.cgi')).toMatchObject({ stderr: '', status: 0 });
    expect(statSync(join(project, 'out/cgi-bin/app.cgi')).mode & 0o777).toBe(0o755);
  });

  test('takes the place of an older one at once, and of what a link leads to', () => {
    expect(build('app.mjs', '-o', 'app.cgi').status).toBe(0);
    const { ino } = statSync(join(project, 'app.cgi'));
    symlinkSync('app.cgi', join(project, 'link.cgi'));
    expect(build('app.mjs', '-o', 'link.cgi')).toMatchObject({ stderr: '', status: 0 });
    expect(statSync(join(project, 'app.cgi')).ino).not.toBe(ino);
  });
});

describe('what is said names the author’s module', () => {
  test('that has no application', () => {
    write({ 'app.mjs': 'export const a = 1;\n' });
    expect(build('app.mjs').stderr).toMatch(/^run-with-cgi: app\.mjs exports no application: /);
  });

  test('that fails, and its line', () => {
    write({ 'app.ts': "interface A {}\n\nthrow new Error('broken');\nexport default null as unknown as A;\n" });
    const { stderr } = build('app.ts');
    expect(stderr).toMatch(/^run-with-cgi: app\.ts could not be loaded \[module-broken\]\nError: broken\n {4}at [^\n]*app\.ts:3:7/);
    expect(stderr).not.toContain('.run-with-cgi-');
  });

  test('that listens', () => {
    write({ 'app.mjs': "import { createServer } from 'node:http';\ncreateServer((req, res) => res.end()).listen(80);\n" });
    expect(build('app.mjs').stdout).toMatch(/^Building app\.mjs, which listens, into app\.cgi\n/);
  });
});

describe('what is built', () => {
  test('can be a CGI script by its first line, and have any name', () => {
    write({
      'hello.cgi': `#!/usr/bin/env run-with-cgi\nexport default ${ANSWER};\n`,
      'bin/www': `#!/usr/bin/env node\nmodule.exports = ${ANSWER};\n`,
    });
    for (const name of ['hello.cgi', 'bin/www']) {
      expect(build(name, '-o', 'out.cgi')).toMatchObject({ stderr: '', status: 0 });
    }
  });

  test.each([
    [
      'program.cgi',
      '#!/bin/sh\necho\n',
      'program.cgi is a program for /bin/sh; build takes only modules in JavaScript or TypeScript [option-wrong]',
    ],
    ['folder', undefined, 'folder is a folder; name a module in it [option-wrong]'],
    ['nothing.js', undefined, 'There is no file nothing.js [module-not-found]'],
  ])('is not %s', (name, content, message) => {
    mkdirSync(join(project, 'folder'));
    if (content !== undefined) write({ [name]: content });
    expect(build(name, '-o', 'out.cgi')).toMatchObject({ stderr: `run-with-cgi: ${message}\n`, status: 2 });
  });
});

test('a name that ends in .node can be a module', () => {
  write({
    'app.cjs':
      "const { name } = require('./platform.node');\nmodule.exports = (environ, start) => { start('200 OK', []); return name; };\n",
    'platform.node.js': "exports.name = 'a module';\n",
  });
  expect(build('app.cjs')).toMatchObject({ stderr: '', status: 0 });
});

test('a package that looks for its native addon at run time, and can do without', () => {
  write({
    'app.cjs': `const { addon } = require('tries');\nmodule.exports = (environ, start) => { start('200 OK', []); return addon; };\n`,
    'node_modules/tries/index.js':
      "for (const kind of ['Release', 'Debug']) {\n  try { exports.addon = 'ü' && require('./build/' + kind + '/addon'); } catch (error) { exports.addon = 'none'; }\n}\n",
  });
  expect(build('app.cjs')).toMatchObject({ stderr: '', status: 0 });
  const { stdout } = spawnSync(join(project, 'app.cgi'), [], { encoding: 'utf8', env: { ...env, REQUEST_METHOD: 'GET' } });
  expect(stdout).toMatch(/\r\n\r\nnone$/);
});

test('an error has the name of its class', () => {
  write({
    'app.mjs': `class OutOfTea extends Error { constructor() { super(); this.name = this.constructor.name; } }
export default (environ, start) => { start('200 OK', []); return new OutOfTea().name + (class Inner {}).name; };\n`,
  });
  build('app.mjs');
  const { stdout } = spawnSync(join(project, 'app.cgi'), [], { encoding: 'utf8', env: { ...env, REQUEST_METHOD: 'GET' } });
  expect(stdout).toMatch(/\r\n\r\nOutOfTeaInner$/);
});

test('a program that waits at its top before it listens', () => {
  write({
    'app.mjs': `import { createServer } from 'node:http';
const { instance } = await WebAssembly.instantiate(Buffer.from('AGFzbQEAAAA=', 'base64'));
createServer((req, res) => res.end(typeof instance)).listen(3000);\n`,
  });
  expect(build('app.mjs')).toMatchObject({ stderr: '', status: 0 });
  const { stdout } = spawnSync(join(project, 'app.cgi'), [], { encoding: 'utf8', env: { ...env, REQUEST_METHOD: 'GET' } });
  expect(stdout).toMatch(/\r\n\r\nobject$/);
});

describe('without esbuild', () => {
  /** This package, where the bundler is not installed. */
  function install(): string {
    const copy = join(folder, 'installed/node_modules/run-with-cgi');
    for (const name of ['dist', 'package.json']) cpSync(join(root, name), join(copy, name), { recursive: true });
    return join(copy, 'dist/cli/main.cjs');
  }
  const MISSING = 'run-with-cgi: build needs esbuild, and it is not installed; npm install --save-dev esbuild [esbuild-missing]\n';

  test('it is said how to get it', () => {
    write({ 'app.mjs': `export default ${ANSWER};\n` });
    expect(spawnSync(process.execPath, [install(), 'build', 'app.mjs'], { cwd: project, encoding: 'utf8', env })).toMatchObject({
      stderr: MISSING,
      status: 2,
    });
  });

  test('that of the project is taken', () => {
    write({ 'app.mjs': `export default ${ANSWER};\n` });
    for (const name of ['esbuild', '@esbuild']) symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
    expect(spawnSync(process.execPath, [install(), 'build', 'app.mjs'], { cwd: project, encoding: 'utf8', env })).toMatchObject({
      stderr: '',
      status: 0,
    });
  });
});
