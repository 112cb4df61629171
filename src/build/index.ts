// One deployable file of a module: bundled, packed, and tried out before it is left behind.

import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { Interface } from '../cli/interface.ts';
import { Problem } from '../cli/problem.ts';
import { bundle, bundleModule } from './bundle.ts';
import { entryOf } from './entry.ts';
import { pack, packForBun } from './pack.ts';
import { isAnswer, probe } from './probe.ts';
import { shellLine } from './shell-line.ts';
import { warmSteps } from './warm-line.ts';

export interface BuildScriptOptions {
  /** Where the module exports its application: "default", "a.b"; undefined when it runs itself. */
  exportName?: string | undefined;
  /** Of which kind that application is. Default: "wsgi". */
  interface?: Interface;
  /** What runs the script: a path, or a command that the shell finds; words behind it are options. Default: "node", or "/usr/bin/env bun". */
  interpreter?: string;
  runtime?: 'node' | 'bun';
  /** Whether the script starts a worker that answers its later requests, where the host has cgi-fcgi. Default: false. */
  warm?: boolean;
  /** Variables of the web server that this worker's process has, beside those of the system. */
  keepEnv?: readonly string[];
  /** Modules that are not put in, but required when the script runs. */
  external?: readonly string[];
  /** Variables that the script is tried out with, beside those of the request. */
  env?: Readonly<Record<string, string>>;
}

export interface Built {
  /** Bytes of the script. */
  size: number;
  warnings: string[];
}

/**
 * Builds the module `path` into the executable file `script`, with a source map beside it. The script is run once, on a GET
 * request of "/", in an empty environment and an empty folder. Throws a `Problem`, and leaves nothing behind, when
 * the module cannot be bundled or the script gives no CGI response.
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
    env = {},
  } = options;
  const entry = entryOf({ path: resolve(path), exportName, interface: kind });
  const settings = { runtime, external, isWarm: warm, keepEnv, withholdsPorts: runtime === 'node' && kind !== 'wsgi' };
  const { source: text, map, warnings } = await bundle(entry, dirname(resolve(path)), settings);
  const name = basename(script);
  const file =
    runtime === 'node'
      ? await pack(text, { name, shellLine: shellLine(interpreter, warm ? warmSteps(text) : []), env })
      : packForBun(text, interpreter);

  // What is left out has to be found from where the script will be.
  const place = await mkdtemp(
    external.length > 0 ? join(dirname(resolve(script)), '.run-with-cgi-') : join(tmpdir(), 'run-with-cgi-build-'),
  );
  try {
    const candidate = join(place, name);
    await writeFile(candidate, file);
    const { output, log, end } = await probe(candidate, runtime, env, external.length > 0);
    if (!isAnswer(output)) {
      const said = output === '' ? 'nothing' : JSON.stringify(output.slice(0, 200));
      throw new Problem(
        'build-fails',
        `${name} does not answer a request with nothing around it; it gave ${said} and ended with ${end}\n${log}`.trimEnd(),
      );
    }
    await chmod(candidate, 0o755);
    await copyFile(candidate, script);
    await chmod(script, 0o755);
    await writeFile(`${script}.map`, map);
  } finally {
    await rm(place, { recursive: true });
  }
  return { size: (await readFile(script)).length, warnings };
}

/**
 * Calls `look` with the path of a module beside the module `path` that has the exports of it, whatever that is
 * written in.
 */
export async function withModule<Result>(
  path: string,
  external: readonly string[],
  look: (module: string) => Promise<Result>,
): Promise<Result> {
  const module = join(dirname(resolve(path)), `.run-with-cgi-${process.pid}-${basename(path).replace(/\.[^.]*$/, '')}.mjs`);
  try {
    await bundleModule(resolve(path), module, external);
    return await look(module);
  } finally {
    await rm(module, { force: true });
  }
}
