// The modules that build takes, and those that it refuses; messages name the author's module.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freshProject, HELLO } from './project.ts';

const { project, write, build, run } = freshProject();

describe('a message names the author’s module', () => {
  test('when it exports no application', () => {
    write({ 'app.mjs': 'export const a = 1;\n' });
    expect(build('app.mjs').stderr).toMatch(/^run-with-cgi: app\.mjs exports no application: /);
  });

  test('when it fails, with the line', () => {
    write({ 'app.ts': "interface A {}\n\nthrow new Error('broken');\nexport default null as unknown as A;\n" });
    const { stderr } = build('app.ts');
    expect(stderr).toMatch(/^run-with-cgi: app\.ts could not be loaded \[module-broken\]\nError: broken\n {4}at [^\n]*app\.ts:3:7/);
    expect(stderr).not.toContain('.run-with-cgi-');
  });

  test('when it listens', () => {
    write({ 'app.mjs': "import { createServer } from 'node:http';\ncreateServer((req, res) => res.end()).listen(80);\n" });
    expect(build('app.mjs').stdout).toMatch(/^Building app\.mjs, which listens, into app\.cgi\n/);
  });
});

describe('the module', () => {
  test('can be a CGI script with a #! line, and can have any name', () => {
    write({
      'hello.cgi': `#!/usr/bin/env run-with-cgi\nexport default ${HELLO};\n`,
      'bin/www': `#!/usr/bin/env node\nmodule.exports = ${HELLO};\n`,
    });
    for (const name of ['hello.cgi', 'bin/www']) {
      expect(build(name, '-o', 'out.cgi')).toMatchObject({ stderr: '', status: 0 });
    }
  });

  test.each([
    ['.mjs', "import { runWithCgi } from 'run-with-cgi';"],
    ['.mjs', "import { runWithCgi } from 'run-with-cgi';\nawait 0;"],
    ['.cjs', "const { runWithCgi } = require('run-with-cgi');"],
  ])('can be a script that runs itself, with a #! line: %s, %s', (ending, line) => {
    write({ [`self${ending}`]: `#!/usr/bin/env node\n${line}\nrunWithCgi(${HELLO});\n` });
    expect(build(`self${ending}`, '-o', 'app.cgi')).toMatchObject({ stderr: '', status: 0 });
    expect(run()).toMatch(/\r\n\r\nhello$/i);
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

test('a module may be required by a name that ends in .node', () => {
  write({
    'app.cjs':
      "const { name } = require('./platform.node');\nmodule.exports = (environ, start) => { start('200 OK', []); return name; };\n",
    'platform.node.js': "exports.name = 'a module';\n",
  });
  expect(build('app.cjs')).toMatchObject({ stderr: '', status: 0 });
});

test('a package may look for a native addon at run time, and go on when there is none', () => {
  write({
    'app.cjs': `const { addon } = require('tries');\nmodule.exports = (environ, start) => { start('200 OK', []); return addon; };\n`,
    'node_modules/tries/index.js':
      "for (const kind of ['Release', 'Debug']) {\n  try { exports.addon = 'ü' && require('./build/' + kind + '/addon'); } catch (error) { exports.addon = 'none'; }\n}\n",
  });
  expect(build('app.cjs')).toMatchObject({ stderr: '', status: 0 });
  expect(run()).toMatch(/\r\n\r\nnone$/);
});

test('a class keeps its name', () => {
  write({
    'app.mjs': `class OutOfTea extends Error { constructor() { super(); this.name = this.constructor.name; } }
export default (environ, start) => { start('200 OK', []); return new OutOfTea().name + (class Inner {}).name; };\n`,
  });
  build('app.mjs');
  expect(run()).toMatch(/\r\n\r\nOutOfTeaInner$/);
});

test('a program may have a top-level await before it listens', () => {
  write({
    'app.mjs': `import { createServer } from 'node:http';
const { instance } = await WebAssembly.instantiate(Buffer.from('AGFzbQEAAAA=', 'base64'));
createServer((req, res) => res.end(typeof instance)).listen(3000);\n`,
  });
  expect(build('app.mjs')).toMatchObject({ stderr: '', status: 0 });
  expect(run()).toMatch(/\r\n\r\nobject$/);
});
