// The application that a command line names is found in a module; what is no application is refused, with a way to mend it.

import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { command, ECHO, withFolder } from '../cli/command.ts';

const { folder } = withFolder({
  'app.mjs': ECHO,
  'default.mjs': `export default class { constructor(environ, start) { start('200 OK', [['Content-Type', 'text/plain']]); } *[Symbol.iterator]() { yield 'class'; } }`,
  'module.cjs': `module.exports = (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'CommonJS'; };`,
  'plain.js': `exports.application = (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'plain'; };`,
  'late.mjs': `const text = await Promise.resolve('top-level await');
    export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return text; };`,
  'script.mjs': `import { runWithCgi } from 'run-with-cgi';
    runWithCgi((environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'a script ' + environ['app.name'] + environ['wsgi.input'].read(); }, { env: { 'app.name': 'x' }, maxBodySize: 3 });`,
  'waiting.mjs': `import { runWithCgi } from 'run-with-cgi';
    (async () => { await 1; await new Promise((resolve) => setTimeout(resolve, 50)); runWithCgi((environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'waited'; }); })();`,
  'nothing.mjs': 'const a = 1;',
  'prints-only.mjs': `console.log('printed'); console.error('printed');`,
  'objects.mjs': `export default { port: 80 }; export const handler = () => {};`,
  'syntax.mjs': 'export default (',
  'throwing.mjs': `throw new Error('while loading');`,
  'a:b.mjs': `export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'colon'; };`,
  'hello.cgi': `#!/usr/bin/env run-with-cgi
import { basename } from 'node:path';
export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return basename(environ.PATH_INFO) + '\\n'; };`,
  'scripts/hello.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nshell $REQUEST_METHOD $PATH_INFO\\n"\n',
  'h3.mjs': `import { createApp, defineEventHandler } from 'h3'; export default createApp().use('/', defineEventHandler(() => 'x'));`,
  'handler.mjs': `import { defineEventHandler } from 'h3'; const handler = defineEventHandler(() => 'x'); export default handler;`,
  prints: '#!/usr/bin/node\n',
  'scripts/plain.cgi': '#!/bin/sh\n',
  'scripts/python.cgi': '#!/usr/bin/env -S A=1 python3 -u\n',
  'scripts/a.py': 'print("a")',
  'many.cjs': 'for (let i = 1; i <= 12; i++) exports["a" + i] = i;',
  'commonjs/package.json': '{ "type": "commonjs" }',
  'commonjs/app.js': 'export default (request) => new Response("x");',
  'commonjs/app.cjs': 'import "node:fs";',
  'unfinished.mjs': 'export default () => {\n',
  'empty/plain.txt': 'no program',
});
beforeAll(() => {
  symlinkSync(new URL('../../node_modules/h3', import.meta.url), join(folder, 'node_modules/h3'));
  for (const name of ['plain.cgi', 'python.cgi']) chmodSync(join(folder, 'scripts', name), 0o644);
});
const request = (target: string) => command(['request', target], { cwd: folder });

describe('the application that is named', () => {
  test.each([
    ['app.mjs', 'GET / '],
    ['app.mjs:application', 'GET / '],
    ['app.mjs:other.inner', 'inner'],
    ['default.mjs', 'class'],
    ['module.cjs', 'CommonJS'],
    ['plain.js', 'plain'],
    ['./plain.js', 'plain'],
    ['late.mjs', 'top-level await'],
    ['script.mjs', 'a script x'],
    ['waiting.mjs', 'waited'],
    ['a:b.mjs', 'colon'],
    ['hello.cgi', '\n'],
    ['scripts/hello.sh', 'shell GET /\n'],
  ])('%s is found', async (target, body) => {
    expect(await request(target)).toMatchObject({ code: 0, stdout: body });
  });

  test.each<[string, string]>([
    ['nowhere.mjs', `There is no file ${folder}/nowhere.mjs [module-not-found]`],
    [
      'app.mjs:nothing',
      'app.mjs has no application named nothing; it exports application (the function application), other (an object of Object), version ("1"); name one, as in "app.js:application" [application-missing]',
    ],
    [
      'h3.mjs',
      'h3.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports default (an object of Object); for h3, export toWebHandler(app) instead [application-not-exported]',
    ],
    [
      'handler.mjs',
      'handler.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports default (the function (anonymous)); for h3, export toWebHandler(app) instead [application-not-exported]',
    ],
    [
      'prints',
      'prints exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports nothing; the name of a CGI program must end in .cgi [application-not-exported]',
    ],
    [
      'scripts/plain.cgi',
      'scripts/plain.cgi is a program for sh, but it is not executable; run chmod +x scripts/plain.cgi [program-not-executable]',
    ],
    [
      'scripts/python.cgi',
      'scripts/python.cgi is a program for python3, but it is not executable; run chmod +x scripts/python.cgi [program-not-executable]',
    ],
    ['app', `There is no file ${folder}/app; did you mean app.mjs? [module-not-found]`],
    ['scripts/helo.sh', `There is no file ${folder}/scripts/helo.sh; did you mean scripts/hello.sh? [module-not-found]`],
    [
      'scripts/a.py',
      'scripts/a.py is neither a module nor a program: its name does not end in .js, .mjs, .cjs or .ts, it has no #! line, and it is not executable [program-not-executable]',
    ],
    [
      'module.cjs:x',
      'module.cjs has no application named x; what it exports is an application itself, and needs no name [application-missing]',
    ],
    [
      'many.cjs',
      'many.cjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports a1 (1), a2 (2), a3 (3), a4 (4), a5 (5), a6 (6), a7 (7), a8 (8), a9 (9), a10 (10), 2 more [application-not-exported]',
    ],
    ['empty', 'The folder empty holds no executable file; make one with chmod +x [scripts-missing]'],
    ['app.mjs:version', 'app.mjs has no application named version; version is "1" [application-missing]'],
    [
      'nothing.mjs',
      'nothing.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports nothing [application-not-exported]',
    ],
    [
      'objects.mjs',
      'objects.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports default (an object of Object), handler (the function handler); name one, as in "app.js:handler" [application-not-exported]',
    ],
  ])('%s is refused, with what to do', async (target, message) => {
    expect(await request(target)).toEqual({ code: 2, stdout: '', stderr: `run-with-cgi: ${message}\n` });
  });

  test.each([
    ['syntax.mjs', 'SyntaxError'],
    ['throwing.mjs', 'Error: while loading'],
    ['unfinished.mjs', '/unfinished.mjs:2\n\nSyntaxError: Unexpected end of input'],
  ])('%s is not loaded; the message has the error', async (target, cause) => {
    const { code, stderr } = await request(target);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^run-with-cgi: ${target} could not be loaded \\[module-broken\\]\n`));
    expect(stderr).toContain(cause);
  });
});

test.each([
  ['commonjs/app.js', ', or set "type": "module" in package.json, which says "commonjs"'],
  ['commonjs/app.cjs', ''],
])('an ES module that Node takes for CommonJS, %s: the message tells how to name it', async (target, more) => {
  expect((await request(target)).stderr).toContain(
    `run-with-cgi: ${target} could not be loaded: it is written as an ES module; end its name in .mjs${more} [module-broken]\n`,
  );
});

test('a module that prints, and has no application, is refused at once', async () => {
  for (const name of ['build', 'serve']) {
    const began = performance.now();
    const { code, stderr } = await command([name, 'prints-only.mjs'], { cwd: folder });
    expect([code, stderr]).toEqual([2, expect.stringContaining('it exports nothing [application-not-exported]\n')]);
    expect(performance.now() - began).toBeLessThan(8_000); // it waits ten seconds for work that is under way
  }
});
