// A module that Node cannot read: what is said names the author's file, the line and what stands there, whatever kind
// of module it is, and nothing of the application runs for that.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { command, withFolder } from '../cli/command.ts';

const { folder } = withFolder({
  'module.mjs': 'export default () => "x";\nthis is no JavaScript\n',
  'importing.mjs': 'import { writeFileSync } from "node:fs";\nimport "./ran.mjs";\nimport "./module.mjs";\n',
  'ran.mjs': 'import { writeFileSync } from "node:fs";\nwriteFileSync(new URL("ran", import.meta.url), "");\n',
  'missing.mjs': 'import { nothing } from "./ran.mjs";\n',
  'common.cjs': 'exports.a = 1;\nthis is no JavaScript\n',
  'script.mjs': '#!/usr/bin/env run-with-cgi\nthis is no JavaScript\n',
  'parsing.mjs': 'JSON.parse("{");\n',
});

const source = (file: string, line: number, text: string, at: string) =>
  `${file.endsWith('.cjs') ? '' : 'file://'}${join(folder, file)}:${line}\n${text}\n${at}\n\nSyntaxError: `;

test.each([
  ['module.mjs', source('module.mjs', 2, 'this is no JavaScript', '     ^^')],
  ['importing.mjs', source('module.mjs', 2, 'this is no JavaScript', '     ^^')],
  ['missing.mjs', source('missing.mjs', 1, 'import { nothing } from "./ran.mjs";', '         ^^^^^^^')],
  ['common.cjs', source('common.cjs', 2, 'this is no JavaScript', '     ^^')],
  ['parsing.mjs', 'SyntaxError: '],
])('%s', async (file, expected) => {
  const { code, stderr } = await command(['request', file, '/'], { cwd: folder });
  const message = `run-with-cgi: ${file} could not be loaded [module-broken]\n`;
  expect([code, stderr.slice(0, message.length + expected.length)]).toEqual([2, message + expected]);
  expect(existsSync(join(folder, 'ran'))).toBe(false);
});

test('a CGI script: the server’s log has it, and the client a bare 500', async () => {
  const { stdout, stderr } = await command(['./script.mjs'], { cwd: folder, env: { REQUEST_METHOD: 'GET', GATEWAY_INTERFACE: 'CGI/1.1' } });
  expect(stdout).toMatch(/^Status: 500 Internal Server Error\r\n/);
  expect(stderr).toContain(source('script.mjs', 2, 'this is no JavaScript', '     ^^').replace(/^/gm, '  ').trim());
});
