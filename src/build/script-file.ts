// From a module to one executable CGI script: everything it imports in one CommonJS file, with V8's
// compiled code inside, so that a process which lives for one request need not compile it again.

import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

/**
 * Builds the module `entry`, which calls `runWithCgi`, into the executable file `script`, with a source
 * map beside it. The module is run once meanwhile, on a GET request without a body, so that V8 compiles
 * what such a request needs.
 */
export async function buildScript(entry: string, script: string): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    outfile: script,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minify: true,
    // Built-in modules can be required; import() would need a loader that code compiled beforehand does not have.
    supported: { 'dynamic-import': false },
    sourcemap: 'external',
    legalComments: 'none',
    logLevel: 'warning',
    write: false,
  });
  for (const { path, text } of outputFiles) {
    if (path.endsWith('.map')) await writeFile(path, text);
    else await writeFile(path, await pack(text, basename(path)));
  }
  await chmod(script, 0o755);
}

/**
 * The source as a string that V8 need not parse, and the code that V8 made of it. V8 takes that code
 * only if it is of the very same V8 and flags; otherwise it compiles the source.
 */
async function pack(source: string, name: string): Promise<string> {
  const wrapped = `(function(exports,require,module,__filename,__dirname){${source}\n})`;
  const code = await compile(wrapped, name);
  return `#!/usr/bin/env node
"use strict";new(require("vm").Script)(${JSON.stringify(wrapped)},{filename:${JSON.stringify(name)},cachedData:Buffer.from("${code.toString('base64')}","base64")}).runInThisContext()(exports,require,module,__filename,__dirname);
`;
}

/** What V8 has compiled when the program has run once: the functions that were called, too. It keeps `name`, for stacks. */
async function compile(wrapped: string, name: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'run-with-cgi-build-'));
  try {
    const program = join(folder, 'program.cjs');
    const compiled = join(folder, 'compiled');
    await writeFile(
      program,
      `const script = new (require('node:vm').Script)(${JSON.stringify(wrapped)}, { filename: ${JSON.stringify(name)} });
const keep = () => require('node:fs').writeFileSync(${JSON.stringify(compiled)}, script.createCachedData());
process.on('exit', keep);
script.runInThisContext()(exports, require, module, __filename, __dirname);
process.on('exit', keep); // once more, with what the program itself does at its end
`,
    );
    const request = {
      PATH: '/usr/bin:/bin',
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '/script.cgi',
      SERVER_PROTOCOL: 'HTTP/1.1',
    };
    // Into a pipe, as under a web server; execFile alone would give it a socket. One that fails has compiled something all the same.
    const run = promisify(execFile)('/bin/sh', ['-c', '"$0" "$1" | cat', process.execPath, program], {
      env: request,
      cwd: folder,
      timeout: 10_000,
    });
    await run.catch(() => {});
    return await readFile(compiled);
  } finally {
    await rm(folder, { recursive: true });
  }
}
