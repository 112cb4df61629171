// run-with-cgi validate: the report, and the exit status.

import { expect, test } from 'vitest';
import { command, ECHO, withFolder } from './command.ts';

const { folder } = withFolder({
  'app.mjs': ECHO,
  'wrong.mjs': `export default (environ, start) => { start('200 OK', []); return 'no type'; };`,
  'short.mjs': `export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return (function* () { yield 'half'; throw new Error('oh'); })(); };`,
});
const run = (args: string[]) => command(args, { cwd: folder });

test('an application that breaks no rule: every request is ok', async () => {
  const { code, stdout, stderr } = await run(['validate', 'app.mjs', '/', '/a?b']);
  expect([code, stderr]).toEqual([0, 'printed\n'.repeat(14)]);
  expect(stdout).toMatch(/^application of app\.mjs:\n {2}ok {2}\/: GET: 200 OK\n/);
  expect(stdout).toMatch(/ok {2}\/a\?b: POST of 2 MB: 200 OK\n[\s\S]*No rule was broken\.\n$/);
});

test('an application that breaks a rule: the rule is printed, and the exit status is 1', async () => {
  const { code, stdout } = await run(['validate', 'wrong.mjs']);
  expect(code).toBe(1);
  expect(stdout).toContain(
    "  not ok  /: GET: 200 OK\n          A response with a body must have a Content-Type (application's duty, SPEC.md content-type-missing)\n",
  );
  expect(stdout.match(/^ {2}not ok /gm)).toHaveLength(7);
  expect(stdout).toMatch(/\n7 of these requests went wrong\.\n$/);
});

test('an application that throws: its error is printed, and the exit status is 1', async () => {
  const { code, stdout } = await run(['validate', 'short.mjs']);
  expect(code).toBe(1);
  expect(stdout).toContain('          test: Error: oh\n');
});
