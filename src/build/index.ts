// One deployable file of a module: bundled, packed, and tried out before it is left behind.

import { realpathSync, statSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { shellLine } from '../built-script/shell-line.ts';
import type { Interface } from '../load/interface.ts';
import { UserError } from '../load/user-error.ts';
import { warmSteps } from '../warm/shell-steps.ts';
import { ASSETS, assetPaths, copyAssets, countFiles } from './assets.ts';
import { bundle, bundleModule } from './bundle.ts';
import { entryOf } from './entry.ts';
import { compile, pack, packForBun } from './pack.ts';
import { withFolder, withPath } from './temporary.ts';
import { commandOf, measure, mustAnswer, type Runtime, requestOf, type Times, tryOut } from './trial.ts';

export interface BuildScriptOptions {
  /** Where the module exports its application: "default", "a.b"; undefined when it runs itself. */
  exportName?: string | undefined;
  /** Of which kind that application is. Default: "wsgi". */
  interface?: Interface;
  /** What runs the script: a path, or a command that the shell finds; words behind it are options. Default: "node", or "/usr/bin/env bun". */
  interpreter?: string;
  runtime?: Runtime;
  /** Whether the script starts a worker that answers its later requests, where the host has cgi-fcgi. Default: false. */
  warm?: boolean;
  /** Variables of the web server that this worker's process has, beside those of the system. */
  keepEnv?: readonly string[];
  /** Modules that are not put in, but required when the script runs. */
  external?: readonly string[];
  /** Files and folders that the application reads, below the current one; they are copied into a folder beside the script. */
  assets?: readonly string[];
  /** The path that the script is asked for when it is tried out; undefined when it is not. Default: "/". */
  trialPath?: string | undefined;
  /** Variables that the script is tried out with, beside those of the request. */
  env?: Readonly<Record<string, string>>;
  /** Whether to find out how long the script takes, when it is tried out. Default: false. */
  measured?: boolean;
}

export interface Built {
  /** Bytes of the script. */
  size: number;
  warnings: string[];
  /** How many files are in the folder beside it. */
  assets: number;
  times: Times | undefined;
}

/**
 * Builds the module `path` into the executable file `script`, with a source map beside it. The script is tried out on a GET
 * request at the root of a server and on one behind its own path, in an empty environment and a folder with nothing but
 * its assets. Throws a `UserError`, and leaves nothing behind, when the module cannot be bundled or the script gives no response.
 */
export async function buildScript(path: string, script: string, options: BuildScriptOptions = {}): Promise<Built> {
  const {
    exportName,
    interface: kind = 'wsgi',
    runtime = 'node',
    warm = false,
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
  const withholdsPorts = runtime === 'node' && kind !== 'wsgi';
  const paths = assets.length > 0 ? assetPaths(project) : undefined;
  const settings = { runtime, external, isWarm: warm, keepEnv, withholdsPorts, assets: paths };
  const { source, before, inputs, map, warnings } = await bundle(entry, dirname(resolve(path)), settings);
  refuseToOverwrite(script, inputs);
  const copyTo = (folder: string) => copyAssets(assets, project, folder, paths?.folders(source) ?? []);

  const name = basename(script);
  const home = dirname(resolve(script));
  // What is left out has to be found from where the script will be.
  if (external.length > 0) await mkdir(home, { recursive: true });
  return withFolder(external.length > 0 ? join(home, '.run-with-cgi-') : join(tmpdir(), 'run-with-cgi-build-'), async (folder) => {
    const place = join(folder, 'trial');
    const file = join(place, name);
    await mkdir(place);
    await copyTo(file + ASSETS);
    await writeFile(`${file}.map`, map);
    const trial = trialPath === undefined ? undefined : { path: trialPath, name, env };

    if (runtime === 'node') {
      const line = shellLine(interpreter, warm ? warmSteps(source) : []);
      const packed = (code?: Buffer) => pack(source, { name, shellLine: line, before, code });
      await writeFile(file, packed()); // a program may read itself
      const { code, answer } = await compile(source, { before, file, folder, env: trial && requestOf(trial, '') });
      if (trial && answer) mustAnswer(answer, trial);
      await writeFile(file, packed(code));
    } else {
      await writeFile(file, packForBun(source, before, interpreter));
    }
    const note = trial && (await tryOut(commandOf(runtime, file), place, trial));
    const times = measured && trial ? await measure(file, runtime, trial) : undefined;

    await mkdir(home, { recursive: true });
    await copyTo(script + ASSETS);
    await replace(script, file);
    await writeFile(`${script}.map`, map);
    return {
      size: statSync(script).size,
      warnings: note === undefined ? warnings : [...warnings, note],
      assets: assets.length > 0 ? await countFiles(script + ASSETS) : 0,
      times,
    };
  });
}

/** Puts a copy of `file` in the place of `script` in one moment: it may be one that a server runs. */
async function replace(script: string, file: string): Promise<void> {
  const target = statSync(script, { throwIfNoEntry: false }) ? realpathSync(script) : script;
  const copy = join(dirname(target), `.run-with-cgi-${process.pid}-${basename(target)}`);
  await withPath(copy, async () => {
    await copyFile(file, copy);
    await chmod(copy, 0o755);
    await rename(copy, target);
  });
}

/** Throws a `UserError` when `script` is one of the `sources`, or a folder. */
export function refuseToOverwrite(script: string, sources: readonly string[]): void {
  const status = statSync(script, { throwIfNoEntry: false });
  if (!status) return;
  if (status.isDirectory()) throw new UserError('output-wrong', `${script} is a folder; name a file in it by --output`);
  const target = realpathSync(script);
  if (sources.some((source) => statSync(source, { throwIfNoEntry: false }) && realpathSync(source) === target)) {
    throw new UserError('output-wrong', `${script} is one of the sources, and would be overwritten; give another name by --output`);
  }
}

/**
 * Calls `look` with the path of a module beside the module `path` that has the exports of it, whatever that is
 * written in. What goes wrong meanwhile names the module itself.
 */
export async function withModule<Result>(
  path: string,
  external: readonly string[],
  look: (module: string) => Promise<Result>,
): Promise<Result> {
  const name = `.run-with-cgi-${process.pid}-${basename(path).replace(/\.[^.]*$/, '')}.mjs`;
  const module = join(dirname(resolve(path)), name);
  const exited = () => {
    console.error(`run-with-cgi: ${path} ended the process, by process.exit(), while it was loaded [module-broken]`);
    process.exitCode = 2;
  };
  return withPath(module, async () => {
    await bundleModule(resolve(path), module, external);
    process.setSourceMapsEnabled(true);
    process.once('exit', exited);
    try {
      return await look(module);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const named = (text: string) => text.replaceAll(pathToFileURL(module).href, path).replaceAll(module, path).replaceAll(name, path);
      const { cause } = error;
      throw new UserError(error.code, named(error.message), { cause: cause && named(inspect(cause)) });
    } finally {
      process.off('exit', exited);
    }
  });
}
