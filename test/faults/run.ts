// Runs a script once under parent.c, with the faults of fault.c, and tells how it ended.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faultText } from './plans.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
export const root = join(here, '../..');

/** Where scripts find the Node that runs the harness. */
const PATH_OF_NODE = `${dirname(process.execPath)}:/usr/bin:/bin`;

/** A fault of fault.c: what happens to the call with the number `step`. */
export interface Fault {
  step: number;
  kind: 'error' | 'fail' | 'short' | 'shorts' | 'eof' | 'signal' | 'after' | 'parent';
  /** An errno, a number of bytes or a signal, by `kind`. */
  argument: number;
  /** The call that is meant, where another fault may have changed which call this step is. */
  call?: string;
}

/** A call that the script has made. */
export interface Step {
  number: number;
  /** "read", "open": the name of the system call, or that of a simpler one with the same meaning. */
  call: string;
  /** "stdin", "stdout", "stderr", "socket", "file", or a path. */
  thing: string;
  /** The fault that it met; undefined if it met none. */
  fault: Fault | undefined;
}

/** What to run. */
export interface Launch {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  /** The options of parent.c. */
  options: readonly string[];
  faults: readonly Fault[];
  /** Whether to tell all steps, and not only those with a fault. */
  trace?: boolean;
  /** Is called before the run. */
  prepare?: (() => void) | undefined;
  /** The end of the path with which the steps begin, and the program that takes them: "node" by default. */
  script: string;
  program?: string;
}

/** How a run has ended. */
export interface Ended {
  /** The exit status; undefined for a process that a signal has ended. */
  status: number | undefined;
  signal: number | undefined;
  hung: boolean;
  /** The number of processes that the script has left running. */
  left: number;
  /** The response and the log, as byte strings. */
  response: string;
  log: string;
  steps: Step[];
  /** What the application has written into its journal: "called", "returned", "closed". */
  marks: string[];
  /** Files that are left in the folder for temporary files. */
  files: string[];
}

/** The programs and the folders of the harness. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-faults-'));
  readonly temporary = join(this.folder, 'tmp');
  readonly #library = join(this.folder, 'fault.so');
  readonly #parent = join(this.folder, 'parent');
  /** The folders of workers. */
  readonly #warm = new Set<string>();

  constructor() {
    mkdirSync(this.temporary, { mode: 0o700 });
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', this.#library, join(here, 'fault.c'), '-ldl']);
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', this.#parent, join(here, 'parent.c')]);
  }

  /**
   * Returns a function that starts the worker of the warm `script`, unless one lives. `env` has TMPDIR, which holds the worker's
   * files. Workers are started without faults.
   */
  warmer(script: string, env: Readonly<Record<string, string>>): () => void {
    const { TMPDIR = '' } = env;
    mkdirSync(TMPDIR, { mode: 0o700, recursive: true });
    this.#warm.add(TMPDIR);
    const start = () => spawnSync(script, { env: { PATH: PATH_OF_NODE, ...env }, stdio: 'ignore' });
    start();
    return () => {
      // The link leads into /proc, to the process.
      for (let tries = 0; !filesBelow(TMPDIR).some((name) => name.endsWith('.pid') && existsSync(name)); tries++) {
        if (tries === 200) throw new Error('no worker has started');
        if (tries % 20 === 19) {
          // Left by a worker that was killed while it started.
          for (const name of filesBelow(TMPDIR)) if (name.endsWith('.lock')) rmSync(name);
          start();
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      }
    };
  }

  /** Ends the workers that `warmer` has started: they live on without this process. */
  #endWorkers(TMPDIR: string): void {
    for (const name of filesBelow(TMPDIR)) {
      if (name.endsWith('.pid') && existsSync(name)) process.kill(Number(readlinkSync(name).split('/')[2]), 'SIGTERM');
    }
  }

  /** Builds the module `name` of this folder into a script, and returns the path of the script. */
  build(name: string, ...options: string[]): string {
    const script = join(this.folder, `${name.replace(/\.\w+$/, '')}${options.includes('--warm') ? '-warm' : ''}.cgi`);
    const command = join(root, 'dist/cli/main.cjs');
    execFileSync(process.execPath, [command, 'build', join(here, name), '-o', script, '--no-trial', ...options], {
      cwd: root,
      stdio: 'pipe',
    });
    return script;
  }

  /** Runs a script to its end. */
  run({ prepare, command, env, options, faults, trace = false, script, program = 'node' }: Launch): Ended {
    prepare?.();
    const { stdout, stderr, status } = spawnSync(this.#parent, [...options, '--', ...command], {
      env: {
        PATH: PATH_OF_NODE,
        TMPDIR: this.temporary,
        ...env,
        LD_PRELOAD: this.#library,
        FAULTS_PROGRAM: program,
        ...(script && { FAULTS_ARM: script }),
        FAULTS_PLAN: faultText(faults),
        ...(trace && { FAULTS_TRACE: '1' }),
      },
      maxBuffer: 1 << 28,
      // Its own descriptors: a script may look at whether 0 is a terminal.
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (status !== 0) throw new Error(`parent: ${stderr}`);
    const end = stdout.indexOf('\n');
    const [how, number, , hung, , left, ...lengths] = stdout.toString('latin1', 0, end).split(' ');
    let at = end + 1;
    const [response = '', log = '', journal = ''] = lengths.map((length) => {
      const from = at;
      at += Number(length);
      return stdout.toString('latin1', from, at);
    });
    const lines = journal.split('\n').filter(Boolean);
    const files = readdirSync(this.temporary, { recursive: true, encoding: 'utf8' });
    for (const name of readdirSync(this.temporary)) rmSync(join(this.temporary, name), { recursive: true });
    return {
      status: how === 'exit' ? Number(number) : undefined,
      signal: how === 'signal' ? Number(number) : undefined,
      hung: hung === '1',
      left: Number(left),
      response,
      log,
      steps: lines.flatMap((line) => toStep(line) ?? []),
      marks: lines.filter((line) => !line.startsWith('step ')),
      files,
    };
  }

  /** Ends workers, and removes the folder. */
  remove(): void {
    for (const folder of this.#warm) this.#endWorkers(folder);
    rmSync(this.folder, { recursive: true });
  }
}

/** Returns the paths of all files below a folder, and of links, which are not followed. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : path;
  });
}

function toStep(line: string): Step | undefined {
  const found = /^step (\d+) (\w+) (.*) (-|[a-z]+) (\d+)$/.exec(line);
  if (!found) return undefined;
  const [, step, call = '', thing = '', kind, argument] = found;
  const number = Number(step);
  const fault = kind === '-' ? undefined : { step: number, kind: kind as Fault['kind'], argument: Number(argument) };
  return { number, call, thing, fault };
}
