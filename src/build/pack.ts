// Packs a bundle into one executable file. V8's compiled code goes into it, too, so that the process of a request need not
// compile the source again.

import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { assemble, wrap, wrapMain } from '../built-script/boot.ts';
import { packageFolder } from './package-folder.ts';
import { type Answer, run } from './trial.ts';

export interface PackOptions {
  /** The name of the file, for stacks. */
  name: string;
  /** The first lines of the file, in which JavaScript finds nothing to run. */
  opening: string;
  /** Statements to run before the source, in one line. */
  before: string;
  /** The code that V8 has compiled from the source. Default: none; then V8 compiles the source for each request. */
  code?: Buffer | undefined;
}

/** The text that scripts/build.ts makes of built-script/code-cache.ts. */
const CODE_CACHE = join(packageFolder, 'dist/built-script/code-cache.js');

/** Returns the bytes of the file. V8 takes the compiled code only if its own version and flags are the same; otherwise it compiles the source. */
export function pack(source: string, { name, opening, before, code = Buffer.alloc(0) }: PackOptions): Buffer {
  return assemble(opening, { source: wrapMain(source, before), name, code, codeCache: readFileSync(CODE_CACHE, 'latin1') });
}

/** Returns the bytes of the file for Bun. Its second line tells Bun that there is nothing to translate. */
export function packForBun(source: string, before: string, interpreter: string): Buffer {
  return Buffer.from(`#!${interpreter}\n// @bun @bun-cjs\n${wrap(source, before)}\n`);
}

export interface Compiled {
  code: Buffer | undefined;
  /** The answer of the program to its request; undefined when it was not run. */
  answer: Answer | undefined;
}

export interface CompileOptions {
  /** Statements to run before the source, in one line. */
  before: string;
  /** The path that the program takes for its own. Stacks show its file name. */
  file: string;
  /** A folder for temporary files. */
  folder: string;
  /** The variables of the request that the program answers; undefined when it is not run. */
  env: Readonly<Record<string, string>> | undefined;
}

/** Runs a source once, and returns the code that V8 has compiled: also that of the functions that were called. */
export async function compile(source: string, { before, file, folder, env }: CompileOptions): Promise<Compiled> {
  const name = basename(file);
  const path = JSON.stringify(file);
  const program = join(folder, 'program.cjs');
  const compiled = join(folder, 'compiled');
  await writeFile(
    program,
    `const script = new (require('node:vm').Script)(${JSON.stringify(wrapMain(source, before))}, { filename: ${JSON.stringify(name)}, lineOffset: -1 });
const keep = () => require('node:fs').writeFileSync(${JSON.stringify(compiled)}, script.createCachedData());
${
  env
    ? `process.on('exit', keep);
process.argv[1] = ${path};
script.runInThisContext()(module, require, ${path});
process.on('exit', keep); // again, after the program's own listeners`
    : 'keep();'
}
`,
  );
  // The same source gives the same bytes only with a fixed seed, and without the baseline compiler's thread: the compiled code
  // says whether that thread was at work on a function (V8 of Node 24 and later). V8 takes the code whichever these two options are.
  // A program that fails has compiled something all the same.
  const options = ['--random-seed=1', '--no-concurrent-sparkplug'];
  const answer = await run([process.execPath, ...options, program], dirname(file), env ?? {});
  const code = await readFile(compiled).catch(() => undefined); // the program may have been killed
  return { code, answer: env && answer };
}
