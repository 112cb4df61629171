// build --assets: applications that read files are built, moved away from their project, and find their files.

import { spawnSync } from 'node:child_process';
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
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { command, SYSTEM_PATH as PATH, Project, root } from './project.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-assets-'));
const made = new Project(join(folder, 'project'), { PATH });
const { folder: project, write, build } = made;
const elsewhere = join(folder, 'elsewhere');

beforeAll(() => {
  made.create();
  mkdirSync(elsewhere);
  symlinkSync(join(root, 'node_modules/express'), join(project, 'node_modules/express'));
  write({ 'package.json': '{ "type": "module" }' });
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  for (const name of readdirSync(elsewhere)) rmSync(join(elsewhere, name), { recursive: true });
});

/** Builds the module `source`, moves script and assets elsewhere, and returns the path of the script. */
function deploy(source: string, ...args: string[]): string {
  expect(build(source, '-o', 'app.cgi', ...args)).toMatchObject({ stderr: '', status: 0 });
  cpSync(project, elsewhere, {
    recursive: true,
    filter: (path) => path === project || path.startsWith(join(project, 'app.cgi')),
  });
  rmSync(join(project, 'app.cgi'));
  rmSync(join(project, 'app.cgi.assets'), { recursive: true });
  return join(elsewhere, 'app.cgi');
}

function ask(script: string, cwd = elsewhere): { stdout: string; stderr: string } {
  return spawnSync(script, [], { cwd, encoding: 'utf8', env: { PATH, REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app.cgi', PATH_INFO: '/' } });
}

const body = (output: { stdout: string }) => output.stdout.split('\r\n\r\n')[1];

const ANSWER = "(environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return";

describe('a file is found as in the project', () => {
  beforeAll(() => write({ 'data/a.txt': 'found', 'src/data/a.txt': 'in src', '.env': 'A=found\n' }));

  test.each([
    ['by the current folder', "readFileSync('data/a.txt', 'utf8')"],
    ['by ./', "readFileSync('./data/a.txt', 'utf8')"],
    ['by process.cwd()', "readFileSync(process.cwd() + '/data/a.txt', 'utf8')"],
    ['by import.meta.url', "readFileSync(new URL('../data/a.txt', import.meta.url), 'utf8')"],
    ['by import.meta.dirname', "readFileSync(import.meta.dirname + '/../data/a.txt', 'utf8')"],
    ['by import.meta.filename', "readFileSync(import.meta.filename.replace('src/app.js', 'data/a.txt'), 'utf8')"],
    ['by require() of createRequire', "createRequire(import.meta.url)('../data/b.json')"],
  ])('%s', (_how, expression) => {
    const imports = "import { readFileSync } from 'node:fs';\nimport { createRequire } from 'node:module';\n";
    write({ 'data/b.json': '"found"', 'src/app.js': `${imports}const text = ${expression};\nexport default ${ANSWER} text; };\n` });
    const script = deploy('src/app.js', '--assets', 'data');
    // Some servers run a script in its own folder, others do not.
    for (const cwd of [elsewhere, '/']) expect(body(ask(script, cwd))).toBe('found');
  });

  test('by __dirname and __filename, in modules in different folders, TypeScript and CommonJS', () => {
    write({
      'src/lib/own.cts':
        "const { join } = require('node:path') as any;\nexport const mine: string = join(__dirname, '../../data/a.txt');\n",
      'src/lib/name.cjs': "'use strict';\nmodule.exports = __filename;\n",
      'bin/www.cjs': `const { readFileSync } = require('node:fs');
const { mine } = require('../src/lib/own.cts');
const paths = [mine, __dirname + '/../src/data/a.txt', require('../src/lib/name.cjs').replace('lib/name.cjs', 'data/a.txt')];
module.exports = ${ANSWER} paths.map((path) => readFileSync(path, 'utf8')).join(); };
`,
    });
    expect(body(ask(deploy('bin/www.cjs', '--assets', 'data,src/data')))).toBe('found,in src,in src');
  });

  test('by a __dirname that the module makes itself', () => {
    write({
      'src/own.js': `import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
const __filename = fileURLToPath(import.meta.url);
export const __dirname = dirname(__filename);
export default ${ANSWER} readFileSync(__dirname + '/../data/a.txt', 'utf8'); };
`,
    });
    expect(body(ask(deploy('src/own.js', '--assets', 'data')))).toBe('found');
  });

  test('by a package, in the project or above', () => {
    write({
      'node_modules/reads/index.cjs':
        "exports.text = require('node:fs').readFileSync(require('node:path').join(__dirname, 'own.txt'), 'utf8');",
      'node_modules/reads/package.json': '{ "main": "index.cjs" }',
      'node_modules/reads/own.txt': 'its own',
      'inner/app.js': `import { text } from 'reads';\nexport default ${ANSWER} text; };\n`,
    });
    const args = ['app.js', '-o', join(elsewhere, 'app.cgi'), '--assets', '../node_modules/reads/own.txt'];
    const built = spawnSync(process.execPath, [command, 'build', ...args], {
      cwd: join(project, 'inner'),
      encoding: 'utf8',
      env: { PATH },
    });
    expect(built).toMatchObject({ stderr: '', status: 0 });
    expect(body(ask(join(elsewhere, 'app.cgi')))).toBe('its own');
    expect(body(ask(deploy('inner/app.js', '--assets', 'node_modules/reads/own.txt')))).toBe('its own');
  });

  test('with a name that begins with a dot', () => {
    write({
      'env.js': `import { readFileSync } from 'node:fs';\nconst text = readFileSync('.env', 'utf8');\nexport default ${ANSWER} text; };\n`,
    });
    expect(body(ask(deploy('env.js', '--assets', '.env')))).toBe('A=found\n');
  });

  test('and a stack names the author’s file and line', () => {
    write({
      'src/throws.ts': `import { existsSync } from 'node:fs';\n\ninterface Environ {\n  X?: string;\n}\nconst isThere: boolean = existsSync(new URL('../data', import.meta.url));\nexport default (environ: Environ, start: Function) => {\n  if (environ.X) throw new Error('oh');\n  start('200 OK', []);\n  return String(isThere);\n};\n`,
    });
    const script = deploy('src/throws.ts', '--assets', 'data');
    const { stderr } = spawnSync(script, [], { encoding: 'utf8', env: { PATH, REQUEST_METHOD: 'GET', X: '1' } });
    expect(stderr).toMatch(/Error: oh\n {4}at .*throws\.ts:8:\d+/);
  });
});

describe('views of Express', () => {
  const ENGINE = `const { readFileSync } = require('node:fs');
exports.__express = (path, options, done) => done(null, readFileSync(path, 'utf8').replace('NAME', options.name));
`;
  const views = (settings: string) => `import express from 'express';
const app = express();
${settings}
app.get('/', (req, res) => res.render('index', { name: 'Ada' }));
app.listen(3000);
`;
  beforeAll(() =>
    write({ 'node_modules/tiny/index.js': ENGINE, 'node_modules/tiny/package.json': '{}', 'views/index.tiny': 'Hello, NAME!' }),
  );

  test.each([
    ['in the folder that Express takes by default', "app.set('view engine', 'tiny');"],
    ['in one that is set', "app.set('views', import.meta.dirname + '/views').set(\"view engine\", `tiny`);"],
  ])('%s, by an engine that only a setting names', (_where, settings) => {
    write({ 'express.js': views(settings) });
    expect(body(ask(deploy('express.js', '--assets', 'views')))).toBe('Hello, Ada!');
  });

  test('with an engine that is not installed fail with the error of Express', () => {
    write({ 'missing.js': views("app.set('view engine', 'nowhere');") });
    const { stderr, status } = build('missing.js', '-o', 'missing.cgi', '--assets', 'views');
    expect([stderr, status]).toEqual([expect.stringContaining("Cannot find module 'nowhere'"), 2]);
  });
});

describe('the folder beside the script', () => {
  const READS = `import { readFileSync } from 'node:fs';\nexport default ${ANSWER} readFileSync('data/a.txt', 'utf8'); };\n`;
  beforeAll(() => write({ 'reads.js': READS, 'data/a.txt': 'found', 'one.txt': '1' }));

  test('is reported; its files keep their dates, and Apache does not serve them', () => {
    const { stdout } = build('reads.js', '-o', join(elsewhere, 'app.cgi'), '--assets', 'data', '--assets', 'one.txt');
    const assets = join(elsewhere, 'app.cgi.assets');
    const [count] = /\n.*app\.cgi\.assets: (\d+) files; copy it along with the script\n$/.exec(stdout)?.slice(1) ?? [];
    expect(Number(count)).toBe(readdirSync(join(project, 'data')).length + 1);
    expect(readFileSync(join(assets, '.htaccess'), 'utf8')).toBe('Require all denied\n');
    expect(statSync(join(assets, 'one.txt')).mtimeMs).toBeCloseTo(statSync(join(project, 'one.txt')).mtimeMs, -1);
  });

  test('keeps what the application has written there', () => {
    const script = join(elsewhere, 'app.cgi');
    build('reads.js', '-o', script, '--assets', 'data');
    writeFileSync(join(elsewhere, 'app.cgi.assets/written.db'), 'data');
    writeFileSync(join(project, 'data/a.txt'), 'newer');
    build('reads.js', '-o', script, '--assets', 'data');
    expect([body(ask(script)), readFileSync(join(elsewhere, 'app.cgi.assets/written.db'), 'utf8')]).toEqual(['newer', 'data']);
  });

  test("when it is missing, the server's log says so", () => {
    const script = join(elsewhere, 'app.cgi');
    build('reads.js', '-o', script, '--assets', 'data');
    rmSync(join(elsewhere, 'app.cgi.assets'), { recursive: true });
    expect(ask(script)).toMatchObject({
      stdout: '',
      stderr: `run-with-cgi: there is no folder ${script}.assets/; copy it along with the script [assets-missing]\n`,
      status: 1,
    });
  });

  test('is found under Bun, too', () => {
    const script = join(elsewhere, 'bun.cgi');
    const bun = `${join(root, 'test/build/bun/node_modules/.bin')}:${PATH}`;
    const args = [command, 'build', 'reads.js', '-o', script, '--assets', 'data', '--runtime', 'bun'];
    expect(spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env: { PATH: bun } })).toMatchObject({
      stderr: '',
      status: 0,
    });
    const { stdout } = spawnSync(script, [], { cwd: '/', encoding: 'utf8', env: { PATH: bun, REQUEST_METHOD: 'GET' } });
    expect(stdout.split('\r\n\r\n')[1]).toBe(readFileSync(join(project, 'data/a.txt'), 'utf8'));
  });

  test.each([
    ['nowhere', 'There is no file or folder nowhere [assets-wrong]'],
    ['..', 'Assets must be below the folder where build runs, got ..; run build in the folder of the project [assets-wrong]'],
    ['/etc', 'Assets must be below the folder where build runs, got /etc; run build in the folder of the project [assets-wrong]'],
    ['.', 'Assets must be below the folder where build runs, got .; run build in the folder of the project [assets-wrong]'],
  ])('build does not copy %s into it', (asset, message) => {
    expect(build('reads.js', '-o', 'refused.cgi', '--assets', asset)).toMatchObject({ stderr: `run-with-cgi: ${message}\n`, status: 2 });
    expect(existsSync(join(project, 'refused.cgi'))).toBe(false);
  });
});

test('the same source gives the same bytes, wherever it lies', () => {
  write({
    'data/a.txt': 'found',
    'src/app.js': `import { readFileSync } from 'node:fs';\nimport './one.js';\nimport './two.js';\nexport default ${ANSWER} readFileSync(new URL('../data/a.txt', import.meta.url)); };\n`,
  });
  for (const name of ['one', 'two']) write({ [`src/${name}.js`]: `console.debug(import.meta.url, '${name}');\n` });
  const copy = join(folder, 'copy');
  cpSync(project, copy, { recursive: true });
  const files = [project, copy].map((cwd) => {
    const { stderr } = spawnSync(process.execPath, [command, 'build', 'src/app.js', '-o', 'same.cgi', '--assets', 'data'], {
      cwd,
      encoding: 'utf8',
      env: { PATH },
    });
    expect(stderr).toBe('');
    return readFileSync(join(cwd, 'same.cgi'));
  });
  expect(files[0]?.equals(files[1] ?? Buffer.alloc(0))).toBe(true);
});
