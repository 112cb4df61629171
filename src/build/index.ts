// Builds one deployable file of a module: bundles it, packs it, and tries it out before the file is left behind.

import { readFileSync, realpathSync, statSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { shellOpening } from '../built-script/shell-line.ts';
import type { Interface } from '../load/interface.ts';
import { UserError } from '../load/user-error.ts';
import { type Relay, warmOpening } from '../warm/opening.ts';
import { ASSETS, assetPaths, copyAssets, countFiles } from './assets.ts';
import { bundle, bundleModule } from './bundle.ts';
import { entryOf } from './entry.ts';
import { compile, pack, packForBun } from './pack.ts';
import { packageFolder } from './package-folder.ts';
import { findBase, findBun, type Machine } from './standalone/bun.ts';
import { makeBunExecutable } from './standalone/bun-executable.ts';
import { makeNodeExecutable } from './standalone/node-executable.ts';
import { withFolder, withPath } from './temporary.ts';
import { checkAnswer, commandOf, measure, type Runtime, requestVariables, type Times, tryOut } from './trial.ts';

export interface BuildScriptOptions {
  /** The export that is the application: "default", "a.b"; undefined when the module runs itself. */
  exportName?: string | undefined;
  /** The kind of the application. Default: "wsgi". */
  interface?: Interface;
  /** The program that runs the script: a path, or a command that the shell finds, with options behind it. Default: "node", or "/usr/bin/env bun". */
  interpreter?: string;
  runtime?: Runtime;
  /** For which machine the script is an executable with its runtime in it: "linux-x64", or "host" for one like this. Node's is for "host" only. */
  standalone?: Machine | 'host' | undefined;
  /** Whether the script starts a worker that answers its later requests, where the host has cgi-fcgi or Perl. Default: false. */
  warm?: boolean;
  /** The path of Perl on the host, for a warm script that Perl runs itself. Default: the shell runs it, and looks for cgi-fcgi and Perl. */
  perl?: string | undefined;
  /** Variables of the web server that this worker keeps beside those of the system. */
  keepEnv?: readonly string[];
  /** Modules that are not built in, but required when the script runs. */
  external?: readonly string[];
  /** Files and folders that the application reads. They are below the current folder, and copied into one beside the script. */
  assets?: readonly string[];
  /** The path of the trial's request; undefined for no trial. Default: "/". */
  trialPath?: string | undefined;
  /** Variables for the trial, beside those of the request. */
  env?: Readonly<Record<string, string>>;
  /** Whether to measure how long the script takes in the trial. Default: false. */
  measured?: boolean;
}

export interface Built {
  /** The size of the script in bytes. */
  size: number;
  warnings: string[];
  /** How many files are in the folder of the assets. */
  assets: number;
  /** Undefined unless the script was measured. */
  times: Times | undefined;
}

/**
 * Builds the module `path` into the executable file `script`, with a source map beside it.
 *
 * Tries the script out by two GET requests, one at the root of a server and one behind the script's own path, in an empty
 * environment and in a folder that has only the assets. Throws a `UserError`, and leaves nothing behind, when the module cannot
 * be bundled or the script gives no response.
 */
export async function buildScript(path: string, script: string, options: BuildScriptOptions = {}): Promise<Built> {
  const {
    exportName,
    interface: kind = 'wsgi',
    standalone,
    runtime = standalone === undefined ? 'node' : 'bun',
    warm = false,
    perl,
    keepEnv = [],
    interpreter = runtime === 'node' ? 'node' : '/usr/bin/env bun',
    external = [],
    assets = [],
    env = {},
    measured = false,
  } = options;
  const trialPath = 'trialPath' in options ? options.trialPath : '/';
  const project = process.cwd();
  refuseToOverwrite(script, [resolve(path)]);
  const entry = entryOf({ path: resolve(path), exportName, interface: kind });
  const withholdsPorts = (runtime === 'node' || standalone !== undefined) && kind !== 'wsgi';
  const bun = standalone && runtime === 'bun' ? await findBun(resolve(path)) : undefined;
  const base = bun && standalone && standalone !== 'host' ? await findBase(standalone, bun, resolve(path)) : undefined;
  const paths = assets.length > 0 ? assetPaths(project) : undefined;
  const settings = { runtime, isCompiledByBun: bun !== undefined, external, isWarm: warm, keepEnv, withholdsPorts, assets: paths };
  const { source, before, inputs, map, warnings } = await bundle(entry, dirname(resolve(path)), settings);
  refuseToOverwrite(script, inputs);
  const copyTo = (folder: string) => copyAssets(assets, project, folder, paths?.folders(source) ?? []);

  const name = basename(script);
  const home = dirname(resolve(script));
  // External modules have to be found from the folder where the script will be.
  if (external.length > 0) await mkdir(home, { recursive: true });
  return withFolder(external.length > 0 ? join(home, '.run-with-cgi-') : join(tmpdir(), 'run-with-cgi-build-'), async (folder) => {
    const trialFolder = join(folder, 'trial');
    const file = join(trialFolder, name);
    await mkdir(trialFolder);
    await copyTo(file + ASSETS);
    await writeFile(`${file}.map`, map);
    const trial = trialPath === undefined ? undefined : { path: trialPath, name, env };

    /** With --target, the trial runs an executable for this machine, and `kept` is another one, for that machine. */
    let kept = file;
    if (bun) {
      const settings = { bun, before, folder };
      await makeBunExecutable(source, file, settings);
      if (base !== undefined) {
        kept = join(folder, 'kept');
        await makeBunExecutable(source, kept, { ...settings, base });
      }
    } else if (runtime === 'node') {
      const opening = warm ? warmOpening(source, { interpreter, perl, relay: readRelay() }) : shellOpening(interpreter);
      const packed = (code?: Buffer) => pack(source, { name, opening, before, code });
      await writeFile(file, packed()); // a program may read its own file
      const { code, answer } = await compile(source, { before, file, folder, env: trial && requestVariables(trial, '') });
      if (trial && answer) checkAnswer(answer, trial);
      if (standalone) await makeNodeExecutable(source, file, { before, code, folder });
      else await writeFile(file, packed(code));
    } else {
      await writeFile(file, packForBun(source, before, interpreter));
    }
    const command = standalone ? [file] : commandOf(runtime, file);
    const warning = trial && (await tryOut(command, trialFolder, trial));
    const times = measured && trial ? await measure(command, standalone ? 'node' : runtime, trial) : undefined;

    await mkdir(home, { recursive: true });
    await copyTo(script + ASSETS);
    await replace(script, kept);
    await writeFile(`${script}.map`, map);
    return {
      size: statSync(script).size,
      warnings: warning === undefined ? warnings : [...warnings, warning],
      assets: assets.length > 0 ? await countFiles(script + ASSETS) : 0,
      times,
    };
  });
}

function readRelay(): Relay {
  const read = (name: string) => readFileSync(join(packageFolder, `dist/warm/${name}.pl`), 'utf8');
  return { relay: read('relay'), rest: read('relay-rest') };
}

/** Replaces `script` by a copy of `file` in one step, by rename(): a web server may run the script meanwhile. */
async function replace(script: string, file: string): Promise<void> {
  const target = statSync(script, { throwIfNoEntry: false }) ? realpathSync(script) : script;
  const copy = join(dirname(target), `.run-with-cgi-${process.pid}-${basename(target)}`);
  await withPath(copy, async () => {
    await copyFile(file, copy);
    await chmod(copy, 0o755);
    await rename(copy, target);
  });
}

/** Throws a `UserError` when `script` is a folder, or one of the `sources`. */
export function refuseToOverwrite(script: string, sources: readonly string[]): void {
  const status = statSync(script, { throwIfNoEntry: false });
  if (!status) return;
  if (status.isDirectory()) throw new UserError('output-wrong', `${script} is a folder; name a file in it by --output`);
  const target = realpathSync(script);
  if (sources.some((source) => statSync(source, { throwIfNoEntry: false }) && realpathSync(source) === target)) {
    throw new UserError('output-wrong', `${script} is one of the sources; give the script another name by --output`);
  }
}

/**
 * Calls `use` with the path of a temporary module that exports the same as the module `path`, and that Node can load whatever
 * the module is written in. It lies in the same folder. Errors name the module `path` itself.
 */
export async function withModule<Result>(
  path: string,
  external: readonly string[],
  use: (module: string) => Promise<Result>,
): Promise<Result> {
  const name = `.run-with-cgi-${process.pid}-${basename(path).replace(/\.[^.]*$/, '')}.mjs`;
  const module = join(dirname(resolve(path)), name);
  const reportExit = () => {
    console.error(`run-with-cgi: ${path} ended the process by process.exit() while it was loaded [module-broken]`);
    process.exitCode = 2;
  };
  return withPath(module, async () => {
    await bundleModule(resolve(path), module, external);
    process.setSourceMapsEnabled(true);
    process.once('exit', reportExit);
    try {
      return await use(module);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const named = (text: string) => text.replaceAll(pathToFileURL(module).href, path).replaceAll(module, path).replaceAll(name, path);
      const { cause } = error;
      throw new UserError(error.code, named(error.message), { cause: cause && named(inspect(cause)) });
    } finally {
      process.off('exit', reportExit);
    }
  });
}
