// Runs a script once under parent.c, with the faults of fault.c, and tells how it ended.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faultText } from './plans.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
export const root = join(here, '../..');

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

  constructor() {
    mkdirSync(this.temporary, { mode: 0o700 });
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', this.#library, join(here, 'fault.c'), '-ldl']);
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', this.#parent, join(here, 'parent.c')]);
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
  run({ command, env, options, faults, trace = false, script, program = 'node' }: Launch): Ended {
    const { stdout, stderr, status } = spawnSync(this.#parent, [...options, '--', ...command], {
      env: {
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
        TMPDIR: this.temporary,
        ...env,
        LD_PRELOAD: this.#library,
        FAULTS_PROGRAM: program,
        FAULTS_ARM: script,
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

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

function toStep(line: string): Step | undefined {
  const found = /^step (\d+) (\w+) (.*) (-|[a-z]+) (\d+)$/.exec(line);
  if (!found) return undefined;
  const [, step, call = '', thing = '', kind, argument] = found;
  const number = Number(step);
  const fault = kind === '-' ? undefined : { step: number, kind: kind as Fault['kind'], argument: Number(argument) };
  return { number, call, thing, fault };
}
