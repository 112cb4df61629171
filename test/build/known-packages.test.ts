// Packages that a built script loads late, or with other lines, do what they do under plain Node.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireLate, sha1 } from '../../src/build/known-packages.ts';
import { freshProject, root } from './project.ts';

const { project, env, write, build, run } = freshProject();
const require = createRequire(import.meta.url);
const path = (file: string) => JSON.stringify(join(root, 'node_modules', file));

/** Returns what the handler of a CommonJS module answers under plain Node, and what it answers when the module is built. */
async function bothAnswers(source: string): Promise<[string, string]> {
  write({ 'app.cjs': source });
  delete require.cache[join(project, 'app.cjs')];
  const handler: { fetch(): Response } = require(join(project, 'app.cjs'));
  const unbuilt = await handler.fetch().text();
  const { stderr, status } = build('app.cjs', '-o', 'app.cgi');
  expect([stderr, status]).toEqual(['', 0]);
  return [unbuilt, run().split('\r\n\r\n')[1] ?? ''];
}

test('sha1() gives the hash of node:crypto, for texts and Buffers of any length', () => {
  const entities = [
    ...Array.from({ length: 300 }, (_, length) => Buffer.alloc(length, length)),
    ...['', 'ä', '\ud800 alone', '😀'.repeat(500), 'x'.repeat(4096), Buffer.alloc(100_000, 'abc')],
  ];
  expect(entities.map(sha1)).toEqual(entities.map((entity) => createHash('sha1').update(entity).digest('base64')));
});

test('mime-types answers the same for every type and extension, whatever is asked first', async () => {
  for (const file of ['mime-types', 'koa/node_modules/accepts/node_modules/mime-types']) {
    const [unbuilt, built] = await bothAnswers(`const mime = require(${path(file)});
const answers = [Object.keys(mime), ['a.html', '.JSON', 'x/y.txt', 'b.frm', '', 'constructor', '__proto__', null].map(mime.lookup)];
const { length } = Object.keys(mime.types);
answers.push(length, mime.types, mime.extensions, Object.keys(mime.types).map(mime.contentType), Object.keys(mime.extensions).map(mime.extension));
answers.push(Object.keys(mime.extensions).map(mime.charset), Object.getPrototypeOf(mime.types), mime._extensionConflicts);
mime.types.html = 'text/other';
answers.push(mime.lookup('html'), mime.contentType('txt'));
mime.types = { css: 'text/own' };
answers.push(mime.lookup('css'), mime.lookup('html'));
module.exports = { fetch: () => new Response(JSON.stringify(answers)) };
`);
    expect(built).toBe(unbuilt);
    expect(JSON.parse(built)).toHaveLength(14);
  }
});

test('etag, http-errors, depd, http-assert and destroy do the same', async () => {
  const [unbuilt, built] = await bothAnswers(`const etag = require(${path('etag')});
const createError = require(${path('http-errors')});
const deprecate = require(${path('depd')})('tests');
const httpAssert = require(${path('http-assert')});
const destroy = require(${path('destroy')});
const fs = require('fs');
const messages = [];
process.on('deprecation', ({ message, namespace }) => messages.push([message, namespace]));
const old = deprecate.function(() => 'returned', 'old()');
const caught = (call) => { try { return call(); } catch (error) { return [error.name, error.message, error.status]; } };
const stream = fs.createReadStream('/dev/null');
module.exports = { fetch: () => new Response(JSON.stringify([
  ['', 'a', 'ä', 'x'.repeat(4096), 'x'.repeat(4097), '😀'.repeat(3000), Buffer.alloc(70000)].map((entity) => [etag(entity), etag(entity, { weak: true })]),
  etag(fs.statSync('/')).length > 4,
  Object.keys(createError), Object.values(createError).map((value) => typeof value === 'function' && value.name), createError(418).name,
  [old(), old(), messages.length],
  caught(() => httpAssert(false, 402)), caught(() => httpAssert.deepEqual({ a: 1 }, { a: 2 }, 409, 'differs')), caught(() => httpAssert(true)),
  destroy(stream) === stream, stream.destroyed,
])) };
`);
  expect(built).toBe(unbuilt);
  expect(JSON.parse(built)).toHaveLength(11);
});

test('path-to-regexp does the same', async () => {
  const [unbuilt, built] = await bothAnswers(`const { match, parse, compile, stringify } = require(${path('path-to-regexp')});
const caught = (call) => { try { return call(); } catch (error) { return [error.name, error.message]; } };
module.exports = { fetch: () => new Response(JSON.stringify([
  match('/:id/*rest')('/ä/b/c'), match('/:ñame1-x')('/y-x'), compile('/:"a b"{/:$c}')({ 'a b': 'x', $c: 'y' }), stringify(parse('/:a\\u200db')),
  stringify({ tokens: [{ type: 'param', name: '1' }, { type: 'text', value: 'b' }] }), stringify({ tokens: [{ type: 'param', name: 'a' }, { type: 'text', value: 'b' }] }),
  ...['/:', '/:1', '/:\u{1f600}', '/{a'].map((path) => caught(() => parse(path))),
])) };
`);
  expect(built).toBe(unbuilt);
});

test('node:assert, node:tty and node:os do the same', async () => {
  const [unbuilt, built] = await bothAnswers(`const assert = require('assert');
const tty = require('node:tty');
const os = require('os');
const caught = (call) => { try { return String(call()); } catch (error) { return [error.name, error.code, error.message]; } };
const answers = [
  typeof assert, typeof tty, assert.length, 'deepEqual' in assert, assert.AssertionError.name, os.EOL,
  caught(() => assert(1)), caught(() => assert(false, 'told')), caught(() => assert(0, new RangeError('own'))),
  caught(() => assert.strictEqual(1, 2, 'no')), caught(() => assert.ok([])), caught(() => assert.deepEqual({ a: [1] }, { a: [1] })),
  [require('fs').openSync(__filename), -1, 99999, 1.5, '1', undefined, require('fs').openSync('/dev/null')].map((fd) => tty.isatty(fd)),
];
tty.isatty = () => 'mine';
answers.push(tty.isatty(1));
module.exports = { fetch: () => new Response(JSON.stringify(answers)) };
`);
  expect(built).toBe(unbuilt);
});

test('the first answer of Express, Koa and Fastify loads none of the modules that it does not need', () => {
  const report = `process.on('exit', () => console.error('loaded', process.moduleLoadList
  .filter((name) => /^NativeModule (?:assert|crypto|fs.promises|os|perf_hooks|tty|v8|zlib)$/.test(name)).join()));\n`;
  const applications = {
    express: `const app = require(${path('express')})();
app.use(require(${path('express')}).json());
app.get('/', (request, response) => response.send('hello'));
module.exports = app;`,
    koa: `const app = new (require(${path('koa')}))();
app.use((context) => { context.status = 200; context.body = 'hello'; });
module.exports = app;`,
    fastify: `const app = require(${path('fastify')})();
app.get('/', async () => 'hello');
module.exports = app;`,
  };
  for (const [name, source] of Object.entries(applications)) {
    write({ [`${name}.cjs`]: `${report}${source}` });
    expect([name, build(`${name}.cjs`, '-o', `${name}.cgi`).status]).toEqual([name, 0]);
    const settings = { encoding: 'utf8', env: { ...env, REQUEST_METHOD: 'GET' } } as const;
    const { stderr, stdout } = spawnSync(join(project, `${name}.cgi`), [], settings);
    expect([name, stderr, stdout.split('\r\n\r\n')[1]]).toEqual([name, 'loaded \n', 'hello']);
  }
});

test('requireLate() requires a module where its variable is used, in every kind of expression', async () => {
  const source = `'use strict'
const a = require('a')
var { b, c } = require("b");
let d = require('d').e
const early = require('early')
const inner = (a) => a
module.exports = () => [new a(b(c), d.f), typeof b, { a, b: 1 }, \`\${c}\`, inner(2), early]
`;
  expect((await requireLate(source, ['a', 'b', 'd'], 'x.js')).replace(/\/\/# source.*\n/, '')).toBe(`"use strict";
const early = require("early");
const inner = (a2) => a2;
module.exports = () => [new (_late_a())((_late_b())((_late_c())), (_late_d()).f), typeof (_late_b()), { a: (_late_a()), b: 1 }, \`\${(_late_c())}\`, inner(2), early];
function _late_a() {
  return require("a");
}
function _late_b() {
  return require("b").b;
}
function _late_c() {
  return require("b").c;
}
function _late_d() {
  return require("d").e;
}
`);
});

test('requireLate() leaves a module alone that assigns to such a variable, or has none', async () => {
  for (const source of [
    "let a = require('a')\na = a.b\n",
    "var a = require('a')\nfor (a in {}) a()\n",
    "if (x) {\n  var a = require('a')\n}\n",
  ]) {
    expect(await requireLate(source, ['a'], 'x.js')).toBe(source);
  }
});
