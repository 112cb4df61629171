// A project whose modules become executables in a folder where nothing else is, and requests to these. To import this registers
// the hooks that make both folders and remove them.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { Project } from '../project.ts';

export const project = mkdtempSync(join(tmpdir(), 'run-with-cgi-standalone-'));
export const elsewhere = mkdtempSync(join(tmpdir(), 'run-with-cgi-elsewhere-'));
/** Without a PATH: there is nothing to be found by it. */
export const REQUEST = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app.cgi', PATH_INFO: '/x' };

beforeAll(() => new Project(project, {}).create());
afterAll(() => {
  rmSync(project, { recursive: true });
  rmSync(elsewhere, { recursive: true });
});

/** Returns `runBuild`, which runs `run-with-cgi build` in the project with `path` as its PATH, and `build`, which makes executables by `option`. */
export function builder(option: '--standalone' | '--standalone=node', path: string | undefined) {
  const { write, build: runBuild } = new Project(project, { PATH: path });
  return {
    runBuild,
    /** Builds the first of `files` into the executable `script`, and returns its path. */
    build(files: Record<string, string>, words: string[] = [], script = join(elsewhere, 'app.cgi')): string {
      write(files);
      const { stderr, status } = runBuild(Object.keys(files)[0] ?? '', '-o', script, option, ...words);
      expect([stderr, status]).toEqual(['', 0]);
      return script;
    },
  };
}

/** Runs `script` for a request, with `words` as its arguments. */
export function ask(script: string, env: Record<string, string> = {}, words: string[] = [], cwd = elsewhere): SpawnSyncReturns<string> {
  return spawnSync(script, words, { cwd, encoding: 'utf8', env: { ...REQUEST, ...env } });
}

/** Returns a module whose application answers with what `expression` gives; `head` stands before it. */
export const application = (expression: string, head = '') =>
  `${head}\nexport default (environ, startResponse) => { startResponse('200 OK', [['Content-Type', 'text/plain']]); return String(${expression}); };\n`;

export const body = ({ stdout }: SpawnSyncReturns<string>) => stdout.split('\r\n\r\n')[1];
