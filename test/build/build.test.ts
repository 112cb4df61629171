// run-with-cgi build: the script runs in a folder that has nothing of the application's source.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { command, Project, root } from './project.ts';

const elsewhere = mkdtempSync(join(tmpdir(), 'run-with-cgi-elsewhere-'));
/** With Bun, which scripts/prepare puts there. */
const PATH = `${join(root, 'test/build/bun/node_modules/.bin')}:${process.env.PATH}`;
const project = new Project(mkdtempSync(join(tmpdir(), 'run-with-cgi-build-test-')), { PATH });
const { folder, write, build } = project;

beforeAll(() => project.create());
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(elsewhere, { recursive: true });
});

/** Builds the first of `files`, moves the script to an empty folder, and returns its answer. */
function built(files: Record<string, string | Buffer>, ...args: string[]): string {
  write(files);
  const script = join(elsewhere, 'app.cgi');
  const { status, stderr } = build(Object.keys(files)[0] ?? '', '-o', script, ...args);
  expect([stderr, status]).toEqual(['', 0]);
  rmSync(`${script}.map`);
  return ask(script).stdout;
}

function ask(script: string, env: Record<string, string> = {}, input = ''): { stdout: string; stderr: string } {
  return spawnSync('/bin/sh', ['-c', 'cat | "$0" | cat', script], {
    cwd: elsewhere,
    encoding: 'utf8',
    input,
    env: { PATH, GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app.cgi', PATH_INFO: '/x', ...env },
  });
}

const body = (output: string) => output.split('\r\n\r\n')[1];
const PRINTS = 'console.log("by console");process.stdout.write("by stdout\\n");';
const TEXT = "[['Content-Type', 'text/plain']]";
const application = (expression: string, head = '') =>
  `${head}\nexport const application = (environ, startResponse) => { startResponse('200 OK', ${TEXT}); return String(${expression}); };\n`;

describe('an application is one file', () => {
  test('of PEP 3333', () => {
    expect(built({ 'wsgi.mjs': application('environ.PATH_INFO') })).toBe(
      'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n/x',
    );
  });

  test('that calls runWithCgi() itself, with options', () => {
    const source = `import { runWithCgi } from 'run-with-cgi';\nrunWithCgi((environ, start) => { start('200 OK', ${TEXT}); return environ.OWN; }, { env: { OWN: 'mine' } });\n`;
    expect(body(built({ 'itself.mjs': source }))).toBe('mine');
  });

  test('with a Fetch handler', () => {
    expect(body(built({ 'fetch.mjs': 'export default { fetch: (request) => new Response(new URL(request.url).pathname) };' }))).toBe('/x');
  });

  test('in TypeScript, CommonJS, and by a name', () => {
    const typed = `import type { Application } from 'run-with-cgi';\n${application('(environ.PATH_INFO as string)').replace('application =', 'application: Application =')}`;
    expect(body(built({ 'typed.ts': typed }))).toBe('/x');
    expect(body(built({ 'common.cjs': application('__filename.length > 0').replace('export const application', 'module.exports') }))).toBe(
      'true',
    );
    write({ 'named.mjs': application('"named"').replace('export const application', 'export const api = {}; api.handler') });
    const script = join(elsewhere, 'named.cgi');
    expect(build('named.mjs:api.handler', '-o', script).status).toBe(0);
    expect(body(ask(script).stdout)).toBe('named');
  });

  test('with a top-level await', () => {
    const head =
      "import { readFileSync } from 'node:fs';\nimport path from 'path';\nconst late = await new Promise((resolve) => setTimeout(resolve, 5, 'late'));";
    expect(body(built({ 'await.mjs': application('late + typeof readFileSync + path.sep', head) }))).toBe('latefunction/');
  });

  test('with what it imports: modules, JSON, text, WebAssembly, and modules that are imported when needed', () => {
    const output = built({
      'parts.mjs': `import data from './data.json' with { type: 'json' };
import page from './page.html';
import wasm from './empty.wasm';
${application("[data.value, page.trim(), wasm.length, (await import('./late.mjs')).late].join()").replace('= (environ', '= async (environ')}`,
      'data.json': '{ "value": 5 }',
      'page.html': '<p>\n',
      'empty.wasm': Buffer.from([0, 97, 115, 109, 1, 0, 0, 0]),
      'late.mjs': "export const late = 'late';",
    });
    expect(body(output)).toBe('5,<p>,8,late');
  });

  test('with tables of characters, which build compresses and the script restores', () => {
    const library = join(root, 'node_modules/iconv-lite/lib/index.js');
    const expression =
      "[['koi8-r', 'f0d2'], ['shift_jis', '93fa'], ['cp437', '9a']].map(([name, hex]) => iconv.decode(Buffer.from(hex, 'hex'), name)).join()";
    expect(built({ 'tables.mjs': application(`Buffer.from(${expression})`, `import iconv from '${library}';`) })).toMatch(
      /^Status: 200 OK\r\n[\s\S]*\r\n\r\nПр,日,Ü$/,
    );
    expect(statSync(join(elsewhere, 'app.cgi')).size).toBeLessThan(700_000);
  });

  test('that reads its own path', () => {
    const expression = '[import.meta.url, import.meta.dirname, import.meta.filename].join()';
    expect(body(built({ 'where.mjs': application(expression) }))).toBe(
      [`file://${elsewhere}/app.cgi`, elsewhere, `${elsewhere}/app.cgi`].join(),
    );
  });

  test('with modules that print while they load: their output goes to the log', () => {
    expect(body(built({ 'prints.mjs': application("'quiet'", `import './banner.mjs';\n${PRINTS}`), 'banner.mjs': PRINTS }))).toBe('quiet');
    expect(ask(join(elsewhere, 'app.cgi')).stderr).toBe('by console\nby stdout\nby console\nby stdout\n');
  });

  test('in a package that declares no side effects', () => {
    const source = `import { runWithCgi } from 'run-with-cgi';\nrunWithCgi((_environ, start) => { start('200 OK', ${TEXT}); return 'ran'; });\n`;
    expect(body(built({ 'pure/run.mjs': source, 'pure/package.json': '{ "sideEffects": false }' }))).toBe('ran');
  });
});

test('the script is executable and begins with /bin/sh', () => {
  const script = join(elsewhere, 'line.cgi');
  write({ 'line.mjs': application('1') });
  build('line.mjs', '-o', script);
  expect(readFileSync(script, 'latin1')).toMatch(/^#!\/bin\/sh -\n":" \/\/; [^\n]*; exec node -e '[^']*' -- "\$0" "\$@"\n/);
  expect(statSync(script).mode & 0o777).toBe(0o755);
});

test('build prints size and time', () => {
  write({ 'told.mjs': application('1') });
  const { stdout } = build('told.mjs');
  expect(stdout).toMatch(
    /^Building application of told\.mjs, a PEP 3333 application, into told\.cgi\ntold\.cgi: \d+ kB; answers in [\d.]+ ms; node takes [\d.]+ ms for an empty file\n$/,
  );
  expect(existsSync(join(folder, 'told.cgi'))).toBe(true);
});

test('build measures the answer of a script at a relative path', () => {
  write({ 'slow.mjs': `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);\n${application('1')}` });
  const { stdout } = build('slow.mjs', '-o', 'slow.cgi');
  expect(Number(/answers in ([\d.]+) ms/.exec(stdout)?.[1])).toBeGreaterThan(200);
});

test('the same source gives the same bytes, wherever it is built', () => {
  write({ 'same.mjs': application('environ.PATH_INFO') });
  const [one, other] = ['one.cgi', 'two.cgi'].map((name) => {
    mkdirSync(join(elsewhere, name));
    const script = join(elsewhere, name, 'same.cgi');
    build('same.mjs', '-o', script);
    return readFileSync(script);
  });
  expect(one?.length).toBeGreaterThan(50_000);
  expect(one?.equals(other ?? Buffer.alloc(0))).toBe(true);
});

test('with the source map beside the script, stacks name the author’s file and line', () => {
  write({
    'throws.ts': `const line = 1;\n\nexport const application = (environ: { PATH_INFO: string }, startResponse: Function): string => {\n  if (environ.PATH_INFO === '/x') throw new Error('oh');\n  startResponse('200 OK', []);\n  return String(line);\n};\n`,
  });
  const script = join(elsewhere, 'throws.cgi');
  expect(build('throws.ts', '-o', script).stderr).toBe('');
  expect(ask(script).stderr).toMatch(/Error: oh\n {4}at .*throws\.ts:4:\d+/);
  rmSync(`${script}.map`);
  expect(ask(script).stderr).toMatch(/Error: oh\n {4}at .*throws\.cgi:\d+:\d+/);
});

test('compiled code that is damaged is ignored', () => {
  write({ 'stale.mjs': application('"fresh"') });
  const script = join(elsewhere, 'stale.cgi');
  build('stale.mjs', '-o', script);
  const file = readFileSync(script);
  const [, list = ''] = /(\["stale\.cgi",[^\]]*\])\d{8}\*\/\n$/.exec(file.toString('latin1')) ?? [];
  const [, , , codeSize, codeCacheSize] = JSON.parse(list);
  const code = file.subarray(file.indexOf(list) - codeCacheSize - codeSize);
  code.subarray(0, 150).reverse();
  writeFileSync(script, file);
  expect(body(ask(script).stdout)).toBe('fresh');
});

describe('for a host that has Bun', () => {
  const bun = (files: Record<string, string>) => built(files, '--runtime', 'bun');

  test('the first line names Bun', () => {
    bun({ 'line.mjs': application('1') });
    expect(readFileSync(join(elsewhere, 'app.cgi'), 'utf8')).toMatch(/^#!\/usr\/bin\/env bun\n/);
  });

  test.each([
    ['of PEP 3333', application('typeof Bun')],
    ['with a Fetch handler', 'export default { fetch: () => new Response(typeof Bun) };'],
    [
      'of the Node kind',
      'import { createServer } from "node:http"; createServer((req, res) => { res.setHeader("X", "1"); res.end(typeof Bun); }).listen(80);',
    ],
  ])('an application %s answers', (_kind, source) => {
    expect(bun({ 'kind.mjs': source })).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n\r\nobject$/);
  });

  test.each(['Hono', 'Express', 'Koa', 'Fastify'])('an application of %s answers', (name) => {
    const script = join(elsewhere, 'app.cgi');
    expect(build(join(root, `cgi-bin/${name.toLowerCase()}.ts`), '-o', script, '--runtime', 'bun')).toMatchObject({
      stderr: '',
      status: 0,
    });
    const { stdout, stderr } = ask(script, { SCRIPT_NAME: '', PATH_INFO: '/' });
    expect([body(stdout), stderr]).toEqual([`Hello from ${name}!\n`, '']);
  });

  test('what the application prints goes to the log', () => {
    const prints = `environ["wsgi.errors"].write("by errors\\n"); ${PRINTS} startResponse(`;
    bun({ 'prints.mjs': application("'quiet'", PRINTS).replace('startResponse(', prints) });
    const { stdout, stderr } = ask(join(elsewhere, 'app.cgi'));
    expect(body(stdout)).toBe('quiet');
    expect(stderr).toBe('by console\nby stdout\nby errors\nby console\nby stdout\n');
  });

  test('an upload and a download are whole', () => {
    const upload = 'Zürich '.repeat(100_000);
    bun({
      'echo.mjs': `export const application = (environ, startResponse) => { startResponse('200 OK', ${TEXT}); return environ['wsgi.input']; };`,
    });
    const variables = { REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(Buffer.byteLength(upload)) };
    expect(body(ask(join(elsewhere, 'app.cgi'), variables, upload).stdout)).toBe(upload);
  });

  test('an application that throws gives a 500, and the log the line', () => {
    bun({ 'throws.mjs': application("environ.PATH_INFO === '/x' ? nothing() : 1", 'const nothing = () => { throw new Error("oh"); };') });
    const { stdout, stderr } = ask(join(elsewhere, 'app.cgi'));
    expect(stdout).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(stderr).toContain('Error: oh');
  });

  test('build says that Bun must be installed', () => {
    write({ 'a.mjs': application('1') });
    const args = [command, 'build', 'a.mjs', '--runtime', 'bun'];
    const { stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { PATH: '/bin' } });
    expect(stderr).toBe('run-with-cgi: bun is not in the PATH; install it, since build must try the script out [runtime-missing]\n');
  });
});

describe('a build that fails prints a message and leaves nothing behind', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    [
      'a native addon',
      { 'addon.mjs': `import { createRequire } from 'node:module';\nimport './thing.node';\n${application('1')}` },
      /\.\/thing\.node, which .*addon\.mjs needs, is a native addon, which cannot be built in; leave its package out by --external/,
    ],
    [
      'a module that is not there',
      { 'missing.mjs': `if (globalThis.never) await import('nowhere');\n${application('1')}` },
      /missing\.mjs:1: Could not resolve "nowhere"/,
    ],
    [
      'a file that is read where the script runs',
      {
        'reads.mjs': `import { readFileSync } from 'node:fs';\nconst page = readFileSync(new URL('page.txt', import.meta.url));\n${application('page')}`,
        'page.txt': 'page',
      },
      /^run-with-cgi: refused\.cgi was asked for \/, in an empty folder and environment, and ended with exit status 1, without an answer; name the files and folders that it reads by --assets \[build-fails\]\n[\s\S]*ENOENT[\s\S]*reads\.mjs:2:/,
    ],
    [
      'an application that fails without a variable',
      { 'variable.mjs': application('process.env.NEEDED.length') },
      /^run-with-cgi: refused\.cgi was asked for \/, in an empty folder and environment, and answered by 500 \[build-fails\]\ncgi: TypeError: [^\n]*\n {4}at application \(variable\.mjs:2:/,
    ],
  ])('%s', (_what, files, message) => {
    write(files);
    const script = join(elsewhere, 'refused.cgi');
    const { status, stderr } = build(Object.keys(files)[0] ?? '', '-o', script);
    expect(stderr).toMatch(message);
    expect([status, existsSync(script)]).toEqual([2, false]);
  });

  test('--env sets a variable for the trial', () => {
    write({ 'variable.mjs': application('process.env.NEEDED.length') });
    expect(build('variable.mjs', '-o', join(elsewhere, 'variable.cgi'), '--env', 'NEEDED=here').status).toBe(0);
  });

  test('--external leaves a package out of the file', () => {
    write({ 'outside.mjs': `import { createRequire } from 'node:module';\nimport left from 'left-out';\n${application('left')}` });
    const place = join(folder, 'node_modules/left-out');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'index.js'), "module.exports = 'outside';");
    const { stderr, status } = build('outside.mjs', '-o', join(elsewhere, 'outside.cgi'), '--external', 'left-out');
    expect([status, stderr]).toEqual([2, expect.stringContaining("Cannot find module 'left-out'")]);
    expect(build('outside.mjs', '-o', 'outside.cgi', '--external', 'left-out')).toMatchObject({ status: 0, stderr: '' });
    expect(body(ask(join(folder, 'outside.cgi')).stdout)).toBe('outside');
  });
});

test.each([
  [[], 'Name one module to build [option-wrong]'],
  [['nowhere.mjs'], 'There is no file nowhere.mjs [module-not-found]'],
  [['a.mjs', '--runtime', 'deno'], 'The runtime must be node or bun, got deno [option-wrong]'],
  [['a.mjs', '--interface', 'x'], 'The interface must be one of wsgi, fetch, node, got "x" [option-wrong]'],
  [['a.mjs', '--keep-env', 'DATABASE_URL'], '--keep-env needs --warm, too [option-wrong]'],
  [['a.mjs', '--perl', '/usr/bin/perl'], '--perl needs --warm, too [option-wrong]'],
  [['a.mjs', '--warm', '--perl', 'perl'], '--perl must be an absolute path without spaces, such as /usr/bin/perl, got perl [option-wrong]'],
  [['a.mjs', '--warm', '--keep-env', 'A=b'], '--keep-env must be the name of a variable, got A=b [option-wrong]'],
  [['a.mjs', '--warm', '--keep-env', 'HTTP_COOKIE'], '--keep-env must not name a header of the client, got HTTP_COOKIE [option-wrong]'],
  [['a.mjs', '--env', 'x'], '--env must be NAME=value, got x [option-wrong]'],
])('%j: %s', (args, message) => {
  write({ 'a.mjs': application('1') });
  expect(build(...args)).toMatchObject({ status: 2, stderr: `run-with-cgi: ${message}\n` });
});
