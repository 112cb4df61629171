// The README's first example, run as it stands in the package's own node_modules.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (found === undefined) throw new Error(`the README has no ${language} block`);
  return found;
}

test('the script in the README prints what the README says', () => {
  const [, command = '', output = ''] = /^\$ ([^\n]*)\n([\s\S]*)$/.exec(block('console')) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-readme-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/run-with-cgi'));
    writeFileSync(join(folder, 'hello.mjs'), block('js'));
    chmodSync(join(folder, 'hello.mjs'), 0o755);
    const printed = execFileSync('/bin/sh', ['-c', command], { cwd: folder, env: { PATH: process.env.PATH ?? '' } });
    const [head = '', body] = output.split('\n\n');
    expect(printed.toString('latin1')).toBe(`${head.replaceAll('\n', '\r\n')}\r\n\r\n${body}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
