// A bundle as one executable file, with V8's compiled code inside, so that a process which lives for one
// request need not compile it again.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface PackOptions {
  /** Of the file, for stacks. */
  name: string;
  /** What comes before the program: lines that are none for V8. */
  head: string;
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
 * Returns the file: the source as a string that V8 need not parse, and the code that V8 made of it when the
 * program ran once, on a GET request. V8 takes that code only if it is of the very same V8 and flags;
 * otherwise it compiles the source.
 */
export async function pack(source: string, { name, head, env }: PackOptions): Promise<string> {
  const wrapped = wrap(source);
  const code = await compile(wrapped, name, env);
  return `${head}
"use strict";${STACKS}new(require("vm").Script)(${JSON.stringify(wrapped)},{filename:${JSON.stringify(name)},lineOffset:-1,cachedData:Buffer.from("${code.toString('base64')}","base64")}).runInThisContext()(exports,require,module,__filename,__dirname);
`;
}

/** As Node wraps a module; with import.meta.url, for which the bundle has this name, where somebody asks for it. */
function wrap(source: string): string {
  const url = source.includes('__runWithCgiUrl') ? 'const __runWithCgiUrl=require("url").pathToFileURL(__filename).href;' : '';
  return `(function(exports,require,module,__filename,__dirname){${url}\n${source}\n})`;
}

/** The file for Bun, which by its second line need not look for what it would have to translate. */
export function packForBun(source: string, interpreter: string): string {
  return `#!${interpreter}\n// @bun @bun-cjs\n${wrap(source)}\n`;
}

/**
 * Stacks name the author's files and lines where the source map lies beside the script. It is read when the
 * first stack is looked at.
 */
const STACKS = `Error.prepareStackTrace=(e,f)=>{let m;try{m=new(require("module").SourceMap)(JSON.parse(require("fs").readFileSync(__filename+".map","utf8")))}catch{}const l=String;Error.prepareStackTrace=(e,f)=>{let t;try{t=l(e)}catch{t="Error"}for(const s of f){let o=l(s);try{const r=m&&s.getFileName()&&__filename.endsWith(s.getFileName())&&m.findEntry(s.getLineNumber()-1,s.getColumnNumber()-1);if(r&&r.originalSource)o=o.replace(/[^ (]*:\\d+:\\d+/,r.originalSource+":"+(r.originalLine+1)+":"+(r.originalColumn+1))}catch{}t+="\\n    at "+o}return t};return Error.prepareStackTrace(e,f)};`;

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
script.runInThisContext()(exports, require, module, __filename, __dirname);
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
