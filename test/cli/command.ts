// Runs the command run-with-cgi as it is installed, in a folder of modules.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';

export interface Done {
  code: number | null;
  stdout: string;
  stderr: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'dist/cli/main.cjs');

/** The source of a module whose application tells what it was asked. */
export const ECHO = `export const application = (environ, startResponse) => {
  console.log('printed');
  startResponse('200 OK', [['Content-Type', 'text/plain'], ['X-Seen', environ.HTTP_X_A ?? 'nothing']]);
  return [environ.REQUEST_METHOD, ' ', environ.PATH_INFO, ' ', environ['wsgi.input'].read()];
};
export const other = { inner: { call: (environ, startResponse) => (startResponse('200 OK', [['Content-Type', 'text/plain']]), 'inner') } };
export const version = '1';
`;

/** Makes a folder of `files`, with the command in bin/ and this package in node_modules/. */
export function withFolder(files: Readonly<Record<string, string>>): { folder: string; write(name: string, text: string): void } {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-cli-'));
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
    if (text.startsWith('#!')) chmodSync(join(folder, name), 0o755);
  };
  beforeAll(() => {
    for (const name of ['bin', 'node_modules']) mkdirSync(join(folder, name));
    symlinkSync(main, join(folder, 'bin/run-with-cgi'));
    symlinkSync(root, join(folder, 'node_modules/run-with-cgi'));
    for (const [name, text] of Object.entries(files)) write(name, text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  return { folder, write };
}

export interface Given {
  cwd: string;
  stdin?: string | Buffer;
  env?: Record<string, string>;
}

/** Starts the command, or a program whose path begins with "./". */
export function start(args: string[], { cwd, env }: Given): ChildProcessWithoutNullStreams {
  const [command = '', ...rest] = args[0]?.startsWith('./') ? args : [join(cwd, 'bin/run-with-cgi'), ...args];
  return spawn(command, rest, { cwd, env: { PATH: `${join(cwd, 'bin')}:${process.env.PATH}`, ...env } });
}

/** Runs the command, or a program whose path begins with "./", to its end. Its output is returned as byte strings. */
export async function command(args: string[], given: Given): Promise<Done> {
  const child = start(args, given);
  const done: Done = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => {
    done.stdout += bytes.toString('latin1');
  });
  child.stderr.on('data', (bytes: Buffer) => {
    done.stderr += bytes.toString('latin1');
  });
  child.stdin.on('error', () => {}); // the command may end before it has read all
  child.stdin.end(given.stdin);
  const [code] = await once(child, 'close');
  return { ...done, code };
}
