// Finds esbuild, the bundler. An installation of this package does not bring it along: only `build` needs it.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOf } from '../error-code.ts';
import { UserError } from '../load/user-error.ts';

type Esbuild = typeof import('esbuild');

/** Loads esbuild as installed beside this package, or else in the current folder. Throws a `UserError` where it is missing. */
export async function loadEsbuild(): Promise<Esbuild> {
  try {
    return await import('esbuild');
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    return await import(pathToFileURL(createRequire(join(process.cwd(), 'x')).resolve('esbuild')).href);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UserError('esbuild-missing', 'build needs esbuild, and it is not installed; npm install --save-dev esbuild');
  }
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ERR_MODULE_NOT_FOUND' || codeOf(error) === 'MODULE_NOT_FOUND';
}
