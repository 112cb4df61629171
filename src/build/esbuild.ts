// The bundler. It is no part of an installation: only `build` needs it, and asks for it.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../load/user-error.ts';

type Esbuild = typeof import('esbuild');

/** Loads it from beside this package, or else from the project that is built. Throws a `UserError` where it is not installed. */
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
  return error instanceof Error && 'code' in error && (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND');
}
