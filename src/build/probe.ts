// A built script, tried out: whether it answers with nothing around it, and how long that takes.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Problem } from '../cli/problem.ts';
import { BOOT_WORDS } from './boot.ts';
import { REQUEST } from './pack.ts';

export interface Probed {
  output: string;
  log: string;
  /** Exit status, or the signal that ended it. */
  end: number | string;
  milliseconds: number;
}

type Variables = Readonly<Record<string, string>>;

export type Runtime = 'node' | 'bun';

/** The command that runs `script` here, whatever its first lines name for the host. */
function commandOf(runtime: Runtime, script: string): string[] {
  return [pathOf(runtime), ...(runtime === 'node' ? BOOT_WORDS : []), script];
}

/** Returns the path of a runtime by its name. Throws a `Problem` where it is not installed. */
export function pathOf(runtime: Runtime): string {
  if (runtime === 'node') return process.execPath;
  const path = (process.env.PATH ?? '').split(':').map((folder) => join(folder, runtime));
  const found = path.find((file) => existsSync(file));
  if (found === undefined)
    throw new Problem('runtime-missing', `${runtime} is not in the PATH, and a script for it must be tried out; install it`);
  return found;
}

const TIMEOUT = 20_000;

/**
 * Runs `script` as a CGI program for a GET request of "/", in an empty folder and with no variables but those of the
 * request and `env`. It is moved to that folder, unless it `needsNeighbours`.
 */
export async function probe(script: string, runtime: Runtime, env: Variables, needsNeighbours: boolean): Promise<Probed> {
  const folder = await mkdtemp(join(tmpdir(), 'run-with-cgi-probe-'));
  try {
    const copy = needsNeighbours ? script : join(folder, basename(script));
    if (!needsNeighbours) await copyFile(script, copy);
    return await run(commandOf(runtime, copy), folder, env);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Whether `output` is a response of CGI, and not one that says the application has failed. */
export function isAnswer(output: string): boolean {
  return /^(?:Status: \d{3} |HTTP\/1\.[01] \d{3} )/.test(output) && !/^Status: 500 /.test(output);
}

/**
 * How many milliseconds `script` takes for an answer, and how many the runtime takes for nothing: the least of `count`
 * each. Throws a `Problem` when it does not answer.
 */
export async function measure(
  script: string,
  runtime: Runtime,
  env: Variables = {},
  count = 7,
): Promise<{ script: number; nothing: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'run-with-cgi-probe-'));
  try {
    const empty = join(folder, 'empty.cjs');
    await writeFile(empty, '');
    const times = { script: Infinity, nothing: Infinity };
    for (let round = 0; round < count; round++) {
      const { output, log, milliseconds } = await run(commandOf(runtime, resolve(script)), folder, env);
      if (!isAnswer(output)) throw new Problem('build-fails', `${script} does not answer where it is now\n${log}`.trimEnd());
      times.script = Math.min(times.script, milliseconds);
      times.nothing = Math.min(times.nothing, (await run([pathOf(runtime), empty], folder, env)).milliseconds);
    }
    return times;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function run(command: string[], cwd: string, env: Variables): Promise<Probed> {
  const began = performance.now();
  // Through cat: a pipe, as under a web server, where Node would make a socket.
  const child = spawn('/bin/sh', ['-c', '"$@" | cat; exit', 'sh', ...command], {
    cwd,
    env: { ...REQUEST, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT,
  });
  let output = '';
  let log = '';
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString('latin1');
  });
  child.stderr.on('data', (text: Buffer) => {
    log += text.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ output, log, end: signal ?? code ?? 0, milliseconds: performance.now() - began }));
  });
}
