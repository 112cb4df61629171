// A Node that is too old for the command gets one line, and the web server a response.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';

const command = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-version-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the command by a Node that pretends to be of this version. */
function run(version: string, env: Record<string, string> = {}) {
  const pretence = join(folder, 'version.cjs');
  writeFileSync(pretence, `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`);
  return spawnSync(process.execPath, ['--require', pretence, command, '--help'], { encoding: 'utf8', env });
}

describe.each(['18.20.8', '20.18.3', '21.7.3', '22.11.0'])('Node %s is too old', (version) => {
  const stderr = `run-with-cgi: Node ${version} is too old; it has to be 20.19, 22.12 or later [node-too-old]\n`;

  test('for the command', () => expect(run(version)).toMatchObject({ stdout: '', stderr, status: 2 }));

  test('for a script whose interpreter it is', () => {
    const stdout = 'Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n500 Internal Server Error\n';
    expect(run(version, { REQUEST_METHOD: 'GET' })).toMatchObject({ stdout, stderr, status: 2 });
  });
});

test.each(['20.19.0', '22.12.0', '23.0.0', '30.0.0'])('Node %s is new enough', (version) => {
  expect(run(version)).toMatchObject({ stderr: '', status: 0 });
});

test('a Node that is too old can parse the command: it has no syntax newer than Node 12', () => {
  const rewritten = (target: string) => transformSync(text, { target, supported: { 'dynamic-import': true } }).code;
  const text = readFileSync(command, 'utf8');
  expect(rewritten('node12')).toBe(rewritten('esnext'));
});
