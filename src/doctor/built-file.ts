// Examines a file of `run-with-cgi build`: whether the Node that runs it takes the compiled code in it.

import { readFileSync } from 'node:fs';
import type { Deployment, Program } from './deployment.ts';
import type { Finding } from './finding.ts';
import { lookUp } from './interpreter.ts';
import { run } from './run.ts';

/** What a built file begins with: the #! line of the shell or of Perl, then a line that is a string and a comment in JavaScript. */
const BEGINNING = /^#!(?:\/bin\/sh -\n":" \/\/;|\S+ -\w+ --\n"0" && 1 \/\*0;)/;

/** Where JavaScript begins in a built file. */
const BOOT = '\n;(function(module,require,file)';

/**
 * Says as JSON whether V8 takes the compiled code of the file that is the first argument, and how many milliseconds V8 compiles
 * without it. The file's end is laid out as built-script/boot.ts writes it.
 */
const PROBE = `const bytes=require("fs").readFileSync(process.argv[1]),end=bytes.length-11,list=end-Number(bytes.toString("latin1",end,end+8)),parts=JSON.parse(bytes.toString("latin1",list,end)),cache=list-parts[4],code=cache-parts[3],source=code-parts[2];
for(let at=7;at<parts.length;at++)bytes[source+parts[at]]=47;
const text=bytes.toString(parts[1],source,code),{Script}=require("vm"),began=performance.now();
const script=new Script(text,{filename:parts[0],lineOffset:-1,cachedData:bytes.subarray(code,cache)});
console.log(JSON.stringify({milliseconds:performance.now()-began,rejected:script.cachedDataRejected===true,length:parts[2],compiled:parts[3],node:process.version}))`;

export interface BuiltFile {
  /** The command that runs the file, as its first lines have it: "node", "/usr/bin/node". */
  interpreter: string;
  /** Whether a request to the file starts a worker that stays, or is passed on to one. */
  isWarm: boolean;
}

/** Returns what the file `path` was built for; undefined for a file that build has not made. */
export function readBuiltFile({ path, start }: Deployment): BuiltFile | undefined {
  if (!BEGINNING.test(start)) return undefined;
  try {
    const text = readFileSync(path, 'latin1');
    const opening = text.slice(0, text.indexOf(BOOT));
    const [, byShell, byPerl = byShell] = /; exec ('[^']*'|\S+)(?: \S+)*? -e |^my @node = \('([^']*)'/m.exec(opening) ?? [];
    return byPerl === undefined ? undefined : { interpreter: byPerl.replaceAll("'", ''), isWarm: opening.includes('RUN_WITH_CGI_WARM') };
  } catch {
    return undefined;
  }
}

/** Returns the Node that the first lines of a built file lead to. Where there is none, the file itself answers by 500, and the trial finds that. */
export function findNode(deployment: Deployment, { interpreter }: BuiltFile): Program | undefined {
  return interpreter.startsWith('/') ? { name: 'node', path: interpreter } : lookUp(deployment, interpreter).program;
}

/** Returns a note where `node` cannot use the compiled code in the file, so that it compiles the source. */
export async function examineCompiledCode({ path, account, server }: Deployment, node: string): Promise<Finding[]> {
  const done = await run([node, '-e', PROBE, '--', path], { account, limits: server.limits, variables: {}, timeout: 5_000 });
  const [, length, compiled] = /"length":(\d+),"compiled":(\d+)/.exec(done.output.toString('latin1')) ?? [];
  const [, milliseconds = '0'] = /"milliseconds":([\d.]+)/.exec(done.output.toString('latin1')) ?? [];
  const [, version = ''] = /"node":"([^"]+)"/.exec(done.output.toString('latin1')) ?? [];
  if (length === undefined || Number(compiled) === 0 || !done.output.includes('"rejected":true')) return [];
  return [
    {
      code: 'code-cache-rejected',
      severity: 'note',
      subject: path,
      problem: `The file was built by another Node than ${node} (${version}), whose V8 does not take the compiled code in it. The script runs all the same. For the first request V8 compiles ${Math.ceil(Number(length) / 1000)} kB of source anew, which takes ${Number(milliseconds).toFixed(1)} ms at first and more with each function that is called. The script then keeps new code for the next requests, where the account can write into a folder of its own.`,
      mend: [{ change: `Build the script with Node ${version}: on the host itself, or with the same version elsewhere.` }],
    },
  ];
}
