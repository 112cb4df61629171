// A built script gives packages what they expect of Node: names, paths, NODE_ENV.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-packages-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PATH = process.env.PATH;

/** Builds the first of `files`, a module or a package. */
function build(files: Record<string, string>) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const args = [join(root, 'dist/cli/main.cjs'), 'build', Object.keys(files)[0] ?? '', '-o', 'app.cgi'];
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { PATH } });
}

/** Returns what the built script logs, and the body of its response. */
function ask(env: Record<string, string> = {}): string {
  const variables = { PATH, GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app.cgi', ...env };
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', './app.cgi | cat'], { cwd: folder, encoding: 'utf8', env: variables });
  return `${stderr}${stdout.split('\r\n\r\n')[1]}`;
}

test('NODE_ENV is "production" for every way of reading it, unless the server sets it', () => {
  const { status } = build({
    'production.mjs': `const { env } = process;
const asked = [process.env.NODE_ENV, globalThis.process?.env?.NODE_ENV, env.NODE_ENV];
export default { fetch: () => new Response(asked.join()) };
`,
  });
  expect(status).toBe(0);
  expect(ask()).toBe('production,production,production');
  expect(ask({ NODE_ENV: 'staging' })).toBe('production,staging,staging');
});

test('classes and functions keep their names', () => {
  build({
    'names.mjs': `class QuotaExceeded extends Error {
  constructor() {
    super();
    this.name = this.constructor.name;
  }
}
const handle = () => {};
function answer() {}
export default { fetch: () => new Response([new QuotaExceeded().name, handle.name, answer.name].join()) };
`,
  });
  expect(ask()).toBe('QuotaExceeded,handle,answer');
});

const PACKAGE = `exports.load = (required) => { try { return required(); } catch (error) { return error.code; } };
exports.missing = exports.load(() => require('missing-package'));
exports.part = exports.load(() => require('missing-package/part'));
exports.later = () => import('missing-package').catch((error) => error.code);
`;

test('an optional package that is not installed fails when it is required, not before', () => {
  const { status, stderr } = build({
    'optional.mjs': `import { later, missing, part } from 'asking';
export default { fetch: async () => new Response([missing, part, await later()].join()) };
`,
    'node_modules/asking/index.js': PACKAGE,
  });
  expect([stderr, status]).toEqual(['', 0]);
  expect(ask()).toBe('MODULE_NOT_FOUND,MODULE_NOT_FOUND,MODULE_NOT_FOUND');
});

test('a package that the application itself imports must be installed', () => {
  const { status, stderr } = build({ 'own.mjs': "import missing from 'missing-package';\nexport default { fetch: () => missing };\n" });
  expect([stderr, status]).toEqual(['run-with-cgi: own.mjs:1: Could not resolve "missing-package" [build-failed]\n', 2]);
});
