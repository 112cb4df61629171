// A bundle as one executable file, with V8's compiled code inside, so that a process which lives for one
// request need not compile it again.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assemble, wrap, wrapMain } from './boot.ts';

export interface PackOptions {
  /** Of the file, for stacks. */
  name: string;
  /** The second line of the file. */
  shellLine: string;
  /** Variables of the run that shows V8 what to compile, beside those of a request. */
  env: Readonly<Record<string, string>>;
}

/** What a CGI program finds in its environment. */
export const REQUEST = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '/script.cgi',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
};

/**
 * Returns the file: the source, and the code that V8 made of it when the program ran once, on a GET request. V8 takes that
 * code only if it is of the very same V8 and flags; otherwise it compiles the source.
 */
export async function pack(source: string, { name, shellLine, env }: PackOptions): Promise<Buffer> {
  const wrapped = wrapMain(source);
  return assemble(shellLine, { source: wrapped, name, code: await compile(wrapped, name, env) });
}

/** The file for Bun, which by its second line need not look for what it would have to translate. */
export function packForBun(source: string, interpreter: string): Buffer {
  return Buffer.from(`#!${interpreter}\n// @bun @bun-cjs\n${wrap(source)}\n`);
}

/** What V8 has compiled when the program has run once: the functions that were called, too. It keeps `name`, for stacks. */
async function compile(wrapped: string, name: string, env: PackOptions['env']): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'run-with-cgi-build-'));
  try {
    const program = join(folder, 'program.cjs');
    const compiled = join(folder, 'compiled');
    await writeFile(
      program,
      `const script = new (require('node:vm').Script)(${JSON.stringify(wrapped)}, { filename: ${JSON.stringify(name)}, lineOffset: -1 });
const keep = () => require('node:fs').writeFileSync(${JSON.stringify(compiled)}, script.createCachedData());
process.on('exit', keep);
script.runInThisContext()();
process.on('exit', keep); // once more, with what the program itself does at its end
`,
    );
    // The seed, so that the same source gives the same bytes. Into a pipe, as under a web server; execFile alone would give it a socket. One that fails has compiled something all the same.
    const run = promisify(execFile)('/bin/sh', ['-c', '"$0" --random-seed=1 "$1" | cat', process.execPath, program], {
      env: { ...REQUEST, ...env },
      cwd: folder,
      timeout: 10_000,
    });
    await run.catch(() => {});
    return await readFile(compiled);
  } finally {
    await rm(folder, { recursive: true });
  }
}
