// TypeScript and JSX: what Node reads by itself, what tsx reads, and the line that asks for it.

import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { command, withFolder } from '../cli/command.ts';

const START = "start('200 OK', [['Content-Type', 'text/plain']]);";
const TYPED = `export default (environ: unknown, start: (status: string, headers: string[][]) => void) => { ${START} return 'typed'; };`;
const JSX = `const h = (name: string) => name;\nexport default (environ: unknown, start: Function) => { ${START} return <typed />; };`;
const FILES = {
  'typed.mts': TYPED,
  'words.mts': `enum Word { Typed = 'typed' }\n${TYPED.replace("'typed'", 'Word.Typed')}`,
  'commonjs/package.json': '{ "type": "commonjs" }',
  'commonjs/typed.ts': TYPED,
  'imports.mts': `import application from './typed.mjs'; export default application;`,
  'awaits.mts': `await 1;\n${TYPED}`,
  'awaits-imports.mts': `import application from './typed.mjs'; await 1; export default application;`,
  'page.tsx': `/** @jsx h */ ${JSX}`,
  'page.jsx': `/** @jsx h */ ${JSX.replace(/: \w+/g, '')}`,
  'wrong.mts': `${TYPED}\nconst a: = 1;`,
};
const plain = withFolder(FILES);
const withTsx = withFolder({
  ...FILES,
  'typed.cgi.ts': `#!/usr/bin/env run-with-cgi\n${TYPED}`,
});
beforeAll(() => symlinkSync(fileURLToPath(new URL('../../node_modules/tsx', import.meta.url)), join(withTsx.folder, 'node_modules/tsx')));

/** Whether this Node strips types. */
const strips = 'typescript' in process.features && Boolean(process.features.typescript);

const asked = (target: string) =>
  `run-with-cgi: Node ${process.versions.node} cannot read ${plain.folder}/${target} by itself; install tsx beside it (npm install tsx)`;
const request = (target: string) => command(['request', target], { cwd: plain.folder });

describe('without tsx', () => {
  test('TypeScript that Node cannot read is refused with one line', async () => {
    for (const name of ['page.tsx', 'page.jsx'])
      expect(await request(name)).toEqual({ code: 2, stdout: '', stderr: `${asked(name)} [typescript-unsupported]\n` });
    expect(await request('typed.mts')).toEqual(
      strips
        ? { code: 0, stdout: 'typed', stderr: '' }
        : { code: 2, stdout: '', stderr: `${asked('typed.mts')}, or use Node 22.18 or later [typescript-unsupported]\n` },
    );
  });

  test.each(['words.mts', 'commonjs/typed.ts', 'wrong.mts'])("%s is refused with that line, and with Node's own message", async (name) => {
    const { code, stderr } = await request(name);
    expect(code).toBe(2);
    expect(stderr).toContain(`${asked(name)}${strips ? '' : ', or use Node 22.18 or later'} [typescript-unsupported]\n`);
    expect(stderr.includes('SyntaxError')).toBe(strips);
  });
});

describe('with tsx', () => {
  const names = ['typed.mts', 'words.mts', 'commonjs/typed.ts', 'imports.mts', 'awaits.mts', 'awaits-imports.mts', 'page.tsx', 'page.jsx'];
  test.each(names)('%s is read', async (name) => {
    expect(await command(['request', name], { cwd: withTsx.folder })).toMatchObject({ code: 0, stdout: 'typed' });
  });

  test('a syntax error is still a syntax error', async () => {
    const { code, stderr } = await command(['request', 'wrong.mts'], { cwd: withTsx.folder });
    expect(code).toBe(2);
    expect(stderr).toContain('run-with-cgi: wrong.mts could not be loaded [module-broken]\n');
    expect(stderr).toMatch(/wrong\.m?ts:2/);
  });

  test('a script in TypeScript runs', async () => {
    const { stdout } = await command(['./typed.cgi.ts'], { cwd: withTsx.folder, env: { REQUEST_METHOD: 'GET' } });
    expect(stdout).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\ntyped');
  });
});
