// Makes an executable of a bundle with Bun in it. Bun compiles it, and most of the executable is a copy of Bun itself.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../../load/user-error.ts';
import type { Bun } from './bun.ts';
import { PROGRAM, programOf } from './bun-program.ts';
import { eraseVariables } from './erase-variables.ts';

export interface BunExecutableOptions {
  bun: Bun;
  /** Bun's executable for another machine. Default: for this one. */
  base?: string;
  /** Statements that come before the source, in one line. */
  before: string;
  /** A folder for temporary files. */
  folder: string;
}

/** How many times as often as usual a function must run before Bun's engine optimizes it. A single request does not repay that work. */
const JIT_POLICY = 10;

/** Makes the executable `file`, which runs `source`, a CommonJS module. Throws a `UserError` that says what Bun complains of. */
export async function makeBunExecutable(source: string, file: string, { bun, base, before, folder }: BunExecutableOptions): Promise<void> {
  const program = join(folder, PROGRAM);
  await writeFile(program, programOf(source, before));
  const args = [
    ...['build', program, `--outfile=${file}`, '--compile', '--bytecode', '--format=cjs', '--target=bun', '--sourcemap'],
    // esbuild has bundled everything already. Names stay, because programs ask for the names of their classes.
    ...['--packages=external', '--minify-syntax', '--minify-whitespace', '--keep-names'],
    `--compile-jit-policy=${JIT_POLICY}`,
    // The executable reads no settings from the folder in which it runs.
    ...['dotenv', 'bunfig', 'tsconfig', 'package-json'].map((name) => `--no-compile-autoload-${name}`),
    ...(base === undefined ? [] : [`--compile-executable-path=${base}`]),
  ];
  // Bun reads no settings from the home folder and the environment of the user who builds.
  await promisify(execFile)(bun.path, args, { cwd: folder, env: { HOME: folder, TMPDIR: folder } }).catch((error: Error) => {
    throw new UserError('build-failed', `Bun ${bun.version} cannot compile it`, { cause: error.message });
  });
  await eraseVariables(file);
}
