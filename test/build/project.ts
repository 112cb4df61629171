// A project to build, as its author has it: modules, and run-with-cgi in node_modules.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach } from 'vitest';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The command run-with-cgi, as `npm run build` has made it. */
export const command = join(root, 'dist/cli/main.cjs');
/** A PATH with the Node of this test, and nothing else of its environment. */
export const SYSTEM_PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;

export class Project {
  readonly folder: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  /** `env` is the environment of `build`. */
  constructor(folder: string, env: Readonly<Record<string, string | undefined>>) {
    this.folder = folder;
    this.#env = env;
  }

  /** Makes the folder, with this package in its node_modules. */
  create(): void {
    mkdirSync(join(this.folder, 'node_modules'), { recursive: true });
    symlinkSync(root, join(this.folder, 'node_modules/run-with-cgi'));
  }

  write = (files: Readonly<Record<string, string | Buffer>>): void => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), content);
    }
  };

  /** Runs `run-with-cgi build` in the folder. */
  build = (...args: string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [command, 'build', ...args], { cwd: this.folder, encoding: 'utf8', env: { ...this.#env } });
}

/** Makes a new project for each test, and a folder for temporary files that only its builds use. */
export function freshProject() {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-project-'));
  const temporary = join(folder, 'tmp');
  const env = { PATH: SYSTEM_PATH, TMPDIR: temporary };
  const project = new Project(join(folder, 'project'), env);
  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    project.create();
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  return {
    folder,
    project: project.folder,
    env,
    write: project.write,
    build: project.build,
    /** Returns what builds have left: files of the project that are no modules, and temporary files. */
    leftovers: () => [
      ...readdirSync(project.folder).filter((name) => name !== 'node_modules' && !/^\w+\.[cm]?[jt]sx?$/.test(name)),
      ...readdirSync(temporary),
    ],
    /** Runs the script app.cgi for a GET request, and returns what it writes. */
    run: () => spawnSync(join(project.folder, 'app.cgi'), [], { encoding: 'utf8', env: { ...env, REQUEST_METHOD: 'GET' } }).stdout,
  };
}

/** The source of an application that answers "hello". */
export const HELLO = "(environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'hello'; }";
