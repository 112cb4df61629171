// A bundle as one executable file, with V8's compiled code inside, so that a process which lives for one
// request need not compile it again.

import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { assemble, wrap, wrapMain } from '../built-script/boot.ts';
import { type Answer, run } from './trial.ts';

export interface PackOptions {
  /** Of the file, for stacks. */
  name: string;
  /** The second line of the file. */
  shellLine: string;
  /** Statements that come before the source, in one line. */
  before: string;
  /** What V8 made of the source; without it V8 compiles that. */
  code?: Buffer | undefined;
}

/**
 * Returns the file: the source, and the code that V8 has made of it. V8 takes that code only if it is of the very same V8
 * and flags; otherwise it compiles the source.
 */
export function pack(source: string, { name, shellLine, before, code = Buffer.alloc(0) }: PackOptions): Buffer {
  return assemble(shellLine, { source: wrapMain(source, before), name, code });
}

/** The file for Bun, which by its second line need not look for what it would have to translate. */
export function packForBun(source: string, before: string, interpreter: string): Buffer {
  return Buffer.from(`#!${interpreter}\n// @bun @bun-cjs\n${wrap(source, before)}\n`);
}

export interface Compiled {
  code: Buffer | undefined;
  /** What the program answered meanwhile; undefined when it was not run. */
  answer: Answer | undefined;
}

export interface CompileOptions {
  /** Statements that come before the source, in one line. */
  before: string;
  /** Where the program believes to be. Stacks have its last part. */
  file: string;
  /** For files of ours. */
  folder: string;
  /** The variables of the request that it runs for; undefined when it is not run. */
  env: Readonly<Record<string, string>> | undefined;
}

/** Returns what V8 has compiled of a source when it has run once, the functions that were called, too. */
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
process.on('exit', keep); // once more, with what the program itself does at its end`
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
