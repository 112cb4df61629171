// build where esbuild is not installed beside run-with-cgi.

import { spawnSync } from 'node:child_process';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freshProject, HELLO, root } from './project.ts';

const { folder, project, env, write } = freshProject();

/** Copies this package to a folder without esbuild, and returns the path of the command. */
function install(): string {
  const copy = join(folder, 'installed/node_modules/run-with-cgi');
  for (const name of ['dist', 'package.json']) cpSync(join(root, name), join(copy, name), { recursive: true });
  return join(copy, 'dist/cli/main.cjs');
}
const MISSING = 'run-with-cgi: build needs esbuild, and it is not installed; npm install --save-dev esbuild [esbuild-missing]\n';

test('a message says how to install it', () => {
  write({ 'app.mjs': `export default ${HELLO};\n` });
  expect(spawnSync(process.execPath, [install(), 'build', 'app.mjs'], { cwd: project, encoding: 'utf8', env })).toMatchObject({
    stderr: MISSING,
    status: 2,
  });
});

test('the esbuild of the project is taken', () => {
  write({ 'app.mjs': `export default ${HELLO};\n` });
  for (const name of ['esbuild', '@esbuild']) symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  expect(spawnSync(process.execPath, [install(), 'build', 'app.mjs'], { cwd: project, encoding: 'utf8', env })).toMatchObject({
    stderr: '',
    status: 0,
  });
});
