// A bundle as an executable file that has Bun in it: compiled by Bun, of whose own executable it is a copy for the most part.

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
  /** For files of ours. */
  folder: string;
}

/** How many times as often as usual code must have run before Bun's engine translates it once more, which a single request does not repay. */
const JIT_POLICY = 10;

/** Makes the executable `file`, which runs `source`, a CommonJS module. Throws a `UserError` that says what Bun complains of. */
export async function makeBunExecutable(source: string, file: string, { bun, base, before, folder }: BunExecutableOptions): Promise<void> {
  const program = join(folder, PROGRAM);
  await writeFile(program, programOf(source, before));
  const words = [
    ...['build', program, `--outfile=${file}`, '--compile', '--bytecode', '--format=cjs', '--target=bun', '--sourcemap'],
    // esbuild has put in all that there is, and programs ask for the names of their classes.
    ...['--packages=external', '--minify-syntax', '--minify-whitespace', '--keep-names'],
    `--compile-jit-policy=${JIT_POLICY}`,
    // Nothing in the folder where it runs changes what it does.
    ...['dotenv', 'bunfig', 'tsconfig', 'package-json'].map((name) => `--no-compile-autoload-${name}`),
    ...(base === undefined ? [] : [`--compile-executable-path=${base}`]),
  ];
  // Nor does anything in the home and the environment of whoever builds.
  await promisify(execFile)(bun.path, words, { cwd: folder, env: { HOME: folder, TMPDIR: folder } }).catch((error: Error) => {
    throw new UserError('build-failed', `Bun ${bun.version} cannot compile it`, { cause: error.message });
  });
  await eraseVariables(file);
}
