// run-with-cgi build: makes one executable file of an application and all that it imports.

import { statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { buildDoctor } from '../build/doctor-script.ts';
import { buildScript, refuseToOverwrite, withModule } from '../build/index.ts';
import { type Machine, parseMachine } from '../build/standalone/bun.ts';
import { parseShebang, readStart } from '../host/shebang.ts';
import { describeExport, type Loaded, loadApplication, parseTarget } from '../load/application.ts';
import { describeInterface } from '../load/interface.ts';
import { UserError } from '../load/user-error.ts';
import { makeStandardStreams } from '../wait-until-idle.ts';
import { parseArguments } from './arguments.ts';

export const usage = `Usage: run-with-cgi build <app> [options]
       run-with-cgi build --doctor [options]

Makes one executable CGI script of an application and all that it imports. The
script needs no node_modules. Before build leaves the script behind, it tries
the script out, in an empty environment and an empty folder.

  -o, --output <file>     the script. Default: the module's name with .cgi
  --assets <files>        files and folders that the application reads, with
                          commas between them. build copies them into
                          <file>.assets; copy that folder along with the script
  --interpreter <path>    the program that runs the script, with options if you
                          like. Default: node. Give an absolute path where the
                          web server has another PATH
  --runtime <name>        node, or bun for a host that has Bun. Default: node
  --standalone            make an executable with Bun in it, for a host that has
                          no runtime. It needs Bun where you build:
                          npm install --save-dev bun
  --standalone=node       make an executable with this Node in it
  --target <machine>      with --standalone: a machine of another kind,
                          linux-x64 or linux-arm64. Behind it, -musl is for
                          Alpine, -baseline for processors older than 2013
  --warm                  on a host with Perl or cgi-fcgi, the first request
                          starts a worker that answers the later ones.
                          Elsewhere the script is plain CGI
  --perl <path>           with --warm: Perl at this path runs the script, the
                          faster way where there is no cgi-fcgi. The host must
                          have this Perl
  --keep-env <NAME>       with --warm: the worker keeps this variable, which the
                          web server sets alike for all requests
  --external <module>     a module that is not built in; it is loaded where the
                          script runs
  --interface <kind>      wsgi, fetch or node, if another kind is guessed
  --env <NAME=value>      a variable for the trial
  --trial-path </path>    the path of the trial's request. Default: /
  --no-trial              do not try the script out
  --doctor                make a script of the command "doctor", for a host
                          without a shell. It reports once on the scripts in
                          its folder, to whoever sends the token that build
                          prints. With it: --output (default: doctor.cgi),
                          --interpreter, --standalone=node

The source map beside the script makes the stacks in the log readable. The
script runs without it.
`;

export const options = {
  output: { type: 'string', short: 'o' },
  interpreter: { type: 'string' },
  runtime: { type: 'string' },
  standalone: { type: 'boolean' },
  target: { type: 'string' },
  warm: { type: 'boolean' },
  perl: { type: 'string' },
  'keep-env': { type: 'string', multiple: true },
  external: { type: 'string', multiple: true },
  interface: { type: 'string' },
  assets: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  'trial-path': { type: 'string' },
  'no-trial': { type: 'boolean' },
  doctor: { type: 'boolean' },
} as const;

/** The options that --doctor allows beside it. */
const WITH_DOCTOR = ['doctor', 'output', 'interpreter', 'standalone', 'runtime'];

export async function run(args: string[]): Promise<number> {
  // "--standalone=node" is short for "--standalone --runtime node".
  const words = args.flatMap((word) => (word.startsWith('--standalone=') ? ['--standalone', '--runtime', word.slice(13)] : [word]));
  const { values, positionals } = parseArguments(words, options);
  const [target, ...more] = positionals;
  if (values.doctor) return runDoctor(values, target);
  if (target === undefined || more.length > 0) throw new UserError('option-wrong', 'Name one module to build');
  const { standalone = false, runtime = standalone ? 'bun' : 'node', external = [], warm = false } = values;
  if (runtime !== 'node' && runtime !== 'bun') throw new UserError('option-wrong', `The runtime must be node or bun, got ${runtime}`);
  const machine = machineOf(values);
  const { path, callable } = parseTarget(target);
  checkModule(path);
  const script = values.output ?? `${basename(path, extname(path))}.cgi`;
  if (warm && standalone) throw new UserError('option-wrong', '--warm is not for --standalone');
  if (warm && runtime === 'bun') throw new UserError('option-wrong', '--warm is for --runtime node only');
  if (warm && basename(script).startsWith('nph-'))
    throw new UserError('option-wrong', '--warm is not for nph- scripts: FastCGI has no responses of that kind');

  const keepEnv = (values['keep-env'] ?? []).map(checkKeptName);
  if (!warm && keepEnv.length > 0) throw new UserError('option-wrong', '--keep-env needs --warm, too');

  const { perl } = values;
  if (!warm && perl !== undefined) throw new UserError('option-wrong', '--perl needs --warm, too');
  if (perl !== undefined && !/^\/[^\s\0]+$/.test(perl)) {
    throw new UserError('option-wrong', `--perl must be an absolute path without spaces, such as /usr/bin/perl, got ${perl}`);
  }

  const trialPath = values['trial-path'] ?? '/';
  if (!trialPath.startsWith('/')) throw new UserError('path-wrong', `The path of --trial-path must begin with "/", got ${trialPath}`);
  if (!isUtf8(trialPath)) throw new UserError('path-wrong', `The path of --trial-path must be UTF-8 behind its %, got ${trialPath}`);
  refuseToOverwrite(script, [path]);
  const env = Object.fromEntries((values.env ?? []).map(parseVariable));
  Object.assign(process.env, env);
  makeStandardStreams();
  const loaded = await withModule(path, external, (module) => loadApplication(module, callable, values.interface));
  console.log(`Building ${describeSource(loaded, path)} into ${script}`);
  const { size, warnings, assets, times } = await buildScript(path, script, {
    exportName: loaded.exportName,
    interface: loaded.interface,
    runtime,
    standalone: machine,
    warm,
    perl,
    keepEnv,
    external,
    assets: (values.assets ?? []).flatMap((list) => list.split(',')).filter((name) => name !== ''),
    env,
    measured: true,
    ...(values['no-trial'] ? { trialPath: undefined } : { trialPath }),
    ...(values.interpreter !== undefined && { interpreter: values.interpreter }),
  });
  for (const warning of warnings) console.error(`warning: ${warning}`);
  const time =
    times &&
    `; answers in ${times.script.toFixed(1)} ms; ${standalone ? 'node' : runtime} takes ${times.emptyFile.toFixed(1)} ms for an empty file`;
  console.log(`${script}: ${Math.ceil(size / 1000)} kB${time ?? ''}`);
  if (assets > 0) console.log(`${script}.assets: ${assets} ${assets === 1 ? 'file' : 'files'}; copy it along with the script`);
  return 0;
}

/** Makes the script of --doctor, and prints its token with the request that it is for. */
async function runDoctor(
  values: { output?: string; interpreter?: string; standalone?: boolean; runtime?: string },
  target: string | undefined,
): Promise<number> {
  const other = Object.keys(values).find((name) => !WITH_DOCTOR.includes(name));
  if (other !== undefined) throw new UserError('option-wrong', `--${other} is not for --doctor`);
  if (target !== undefined) throw new UserError('option-wrong', `--doctor takes no module, got ${target}`);
  const { output: script = 'doctor.cgi', interpreter, standalone = false, runtime = standalone ? 'bun' : 'node' } = values;
  if (runtime !== 'node') throw new UserError('option-wrong', '--doctor is for Node: --standalone=node');
  if (standalone && interpreter !== undefined) throw new UserError('option-wrong', '--interpreter is not for --standalone');
  const { token, expires, size } = await buildDoctor(script, { interpreter, standalone });
  console.log(`${script}: ${Math.ceil(size / 1000)} kB; reports once, until ${expires.toISOString().slice(0, 16).replace('T', ' ')} UTC
Copy it beside your scripts, and send it its token:
  curl -d token=${token} https://example.org/cgi-bin/${basename(script)}`);
  return 0;
}

/** Returns the machine that an executable is for; undefined without --standalone. Throws a `UserError` for options that do not go together. */
function machineOf(values: {
  standalone?: boolean | undefined;
  target?: string | undefined;
  runtime?: string | undefined;
  interpreter?: string | undefined;
}): Machine | 'host' | undefined {
  const { standalone, target, runtime, interpreter } = values;
  if (!standalone && target !== undefined) throw new UserError('option-wrong', '--target needs --standalone, too');
  if (!standalone) return undefined;
  if (runtime === 'node' && target !== undefined) {
    throw new UserError('option-wrong', '--target is not for --standalone=node; run build on such a machine');
  }
  if (interpreter !== undefined) throw new UserError('option-wrong', '--interpreter is not for --standalone');
  return target === undefined ? 'host' : parseMachine(target);
}

/** Throws a `UserError` unless `path` is a file, and one for JavaScript. */
function checkModule(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new UserError('module-not-found', `There is no file ${path}`);
  if (status.isDirectory()) throw new UserError('option-wrong', `${path} is a folder; name a module in it`);
  const interpreter = parseShebang(readStart(path))?.words.join(' ');
  if (interpreter !== undefined && !/\b(?:node|bun|deno|tsx|run-with-cgi)\b/.test(interpreter)) {
    throw new UserError('option-wrong', `${path} is a program for ${interpreter}; build takes only modules in JavaScript or TypeScript`);
  }
}

function parseVariable(text: string): [name: string, value: string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new UserError('option-wrong', `--env must be NAME=value, got ${text}`);
  return [name, value];
}

function checkKeptName(name: string): string {
  if (/^\w+$/.test(name) && !name.startsWith('HTTP_')) return name;
  const rule = name.startsWith('HTTP_') ? 'must not name a header of the client' : 'must be the name of a variable';
  throw new UserError('option-wrong', `--keep-env ${rule}, got ${name}`);
}

function describeSource({ exportName, interface: kind }: Loaded, path: string): string {
  if (exportName === undefined) return kind === 'node' ? `${path}, which listens,` : path;
  return `${describeExport(exportName)} of ${path}, ${describeInterface(kind)},`;
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
