// run-with-cgi build: one executable file of an application and all it imports.

import { readFileSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { buildScript, refuseToOverwrite, withModule } from '../build/index.ts';
import { type Loaded, loadApplication, parseTarget } from '../load/application.ts';
import { describeInterface } from '../load/interface.ts';
import { UserError } from '../load/user-error.ts';
import { parseArguments } from './arguments.ts';

export const usage = `Usage: run-with-cgi build <app> [options]

Makes one executable CGI script of an application: everything it imports is in
it, and it needs no node_modules. It is tried out, in an empty environment and
an empty folder, before it is left behind.

  -o, --output <file>     the script; the module's name with .cgi
  --assets <files>        files and folders that it reads, with commas between them;
                          they are copied into <file>.assets, which goes where the
                          script goes
  --interpreter <path>    what runs it, with options if you like; "node". Give
                          an absolute path where the server has another PATH
  --runtime <name>        node, or bun for a host that has Bun
  --warm                  on a host with cgi-fcgi, the first request starts a worker
                          that answers the others; elsewhere it is plain CGI
  --keep-env <NAME>       with --warm: a variable that the web server sets for the
                          script, and for no request alone; the worker's process
                          has it, too
  --external <module>     is not put in, but loaded where the script runs
  --interface <kind>      wsgi, fetch or node, where the application does not
                          show it
  --env <NAME=value>      a variable that it is tried out with
  --trial-path </path>    what it is asked for when it is tried out; "/"
  --no-trial              it is not tried out

The source map beside the script is for stacks in the log; it may be left away.
`;

const options = {
  output: { type: 'string', short: 'o' },
  interpreter: { type: 'string' },
  runtime: { type: 'string' },
  warm: { type: 'boolean' },
  'keep-env': { type: 'string', multiple: true },
  external: { type: 'string', multiple: true },
  interface: { type: 'string' },
  assets: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  'trial-path': { type: 'string' },
  'no-trial': { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, options);
  const [target, ...more] = positionals;
  if (target === undefined || more.length > 0) throw new UserError('option-wrong', 'One application can be built; name a module');
  const { runtime = 'node', external = [], warm = false } = values;
  if (runtime !== 'node' && runtime !== 'bun') throw new UserError('option-wrong', `The runtime must be node or bun, got ${runtime}`);
  const { path, callable } = parseTarget(target);
  mustBeModule(path);
  const script = values.output ?? `${basename(path, extname(path))}.cgi`;
  if (warm && runtime === 'bun') throw new UserError('option-wrong', '--warm needs node; a script for Bun starts fast enough');
  if (warm && basename(script).startsWith('nph-'))
    throw new UserError('option-wrong', '--warm is not for nph- scripts: FastCGI has no such responses');

  const keepEnv = (values['keep-env'] ?? []).map(toKept);
  if (!warm && keepEnv.length > 0) throw new UserError('option-wrong', '--keep-env is for --warm; give that, too');

  const trialPath = values['trial-path'] ?? '/';
  if (!trialPath.startsWith('/')) throw new UserError('path-wrong', `The path of --trial-path begins with "/", got ${trialPath}`);
  refuseToOverwrite(script, [path]);
  const env = Object.fromEntries((values.env ?? []).map(toVariable));
  Object.assign(process.env, env);
  const loaded = await withModule(path, external, (module) => loadApplication(module, callable, values.interface));
  console.log(`Building ${describeSource(loaded, path)} into ${script}`);
  const { size, warnings, assets, times } = await buildScript(path, script, {
    exportName: loaded.exportName,
    interface: loaded.interface,
    runtime,
    warm,
    keepEnv,
    external,
    assets: (values.assets ?? []).flatMap((list) => list.split(',')).filter((name) => name !== ''),
    env,
    measured: true,
    ...(values['no-trial'] ? { trialPath: undefined } : { trialPath }),
    ...(values.interpreter !== undefined && { interpreter: values.interpreter }),
  });
  for (const warning of warnings) console.error(`warning: ${warning}`);
  const time = times && `; answers in ${times.script.toFixed(1)} ms; ${runtime} takes ${times.nothing.toFixed(1)} ms for an empty file`;
  console.log(`${script}: ${Math.ceil(size / 1000)} kB${time ?? ''}`);
  if (assets > 0) console.log(`${script}.assets: ${assets} ${assets === 1 ? 'file' : 'files'}; copy it along with the script`);
  return 0;
}

/** Throws a `UserError` for what is no file, and for a program in another language. */
function mustBeModule(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new UserError('module-not-found', `There is no file ${path}`);
  if (status.isDirectory()) throw new UserError('option-wrong', `${path} is a folder; name a module in it`);
  const [, interpreter] = /^#!\s*([^\n]*)/.exec(readFileSync(path, 'latin1')) ?? [];
  if (interpreter !== undefined && !/\b(?:node|bun|deno|tsx|run-with-cgi)\b/.test(interpreter)) {
    throw new UserError('option-wrong', `${path} is a program for ${interpreter.trim()}; build takes modules in JavaScript and TypeScript`);
  }
}

function toVariable(text: string): [name: string, value: string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new UserError('option-wrong', `--env is written NAME=value, got ${text}`);
  return [name, value];
}

function toKept(name: string): string {
  if (/^\w+$/.test(name) && !name.startsWith('HTTP_')) return name;
  const rule = name.startsWith('HTTP_') ? 'cannot name what a client sends' : 'must be the name of a variable';
  throw new UserError('option-wrong', `--keep-env ${rule}, got ${name}`);
}

function describeSource({ exportName, interface: kind }: Loaded, path: string): string {
  if (exportName === undefined) return kind === 'node' ? `${path}, which listens,` : path;
  return `${exportName === 'module' ? 'the exports' : exportName === 'default' ? 'the default export' : exportName} of ${path}, ${describeInterface(kind)},`;
}
