// Starts the cases of cases.ts as CGI scripts, on the descriptors that launch.py makes.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { buildScript } from '../../src/build/index.ts';

export interface Launch {
  /** A function of launch.py, pipes by default. */
  mode?: string;
  input?: string | Buffer;
  env?: Record<string, string>;
  options?: object;
  name?: string;
  argv?: string[];
  /** Called with the running process. */
  meanwhile?(child: ChildProcess): void;
}

export interface Ended {
  output: string;
  errors: string;
  code: number | null;
  signal: string | null;
  /** What the case left behind after its response. */
  mark: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
let folder: string;
/** Holds the scripts, and in raw/ what Node writes down of their runs where PROCESS_COVERAGE asks for it; scripts/coverage.ts reads that. */
let coverage: string;
/** The runtime in the scripts where they are executables that have it in them, "node" or "bun"; else Node runs them. */
const runtime = (['node', 'bun'] as const).find((name) => name === process.env.PROCESS_CASES);
export const isStandalone = runtime !== undefined;
/** Each leads a process group, to which its script and that one's children belong. */
const running = new Set<ChildProcess>();

/** Once for all files that a test file imports. */
let hasScripts = false;

export function withScripts(): void {
  if (hasScripts) return;
  hasScripts = true;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-cases-'));
    coverage = process.env.PROCESS_COVERAGE ?? join(folder, 'coverage');
    mkdirSync(join(coverage, 'raw'), { recursive: true });
    // Some cases run as another user.
    chmodSync(folder, 0o755);
    chmodSync(coverage, 0o755);
    chmodSync(join(coverage, 'raw'), 0o777);
    if (runtime) {
      // What begins a built file is of the package; there can be one gateway only that has standard output.
      const cases = readFileSync(join(here, 'cases.ts'), 'utf8')
        .replace('../../src/index.ts', 'run-with-cgi')
        .replaceAll('../../src/', `${root}src/`);
      writeFileSync(join(folder, 'cases.ts'), cases);
      await buildScript(join(folder, 'cases.ts'), join(folder, 'cases.cjs'), { standalone: 'host', runtime, trialPath: undefined });
      copyFileSync(join(folder, 'cases.cjs'), join(folder, 'nph-cases.cjs'));
      return;
    }
    const { outputFiles } = await build({
      entryPoints: [join(here, 'cases.ts')],
      outfile: join(coverage, 'cases.cjs'),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      sourcemap: 'inline',
      write: false,
    });
    for (const name of ['cases.cjs', 'nph-cases.cjs']) {
      // Renamed, since processes of another test file may be running the same script.
      const fresh = join(coverage, `${name}.${process.pid}`);
      writeFileSync(fresh, outputFiles[0]?.contents ?? '');
      renameSync(fresh, join(coverage, name));
    }
  }, 60_000);
  afterEach(() => running.forEach(end));
  afterAll(() => rmSync(folder, { recursive: true }));
}

/** The file of the running program, /proc/self/exe to itself. */
export function executable(): string {
  return commandOf('cases.cjs')[0] ?? '';
}

function commandOf(name: string): string[] {
  return isStandalone ? [join(folder, name)] : [process.execPath, join(coverage, name)];
}

let count = 0;

/** Runs one case to its end. The environment is as clean as a web server's. */
export function launch(
  testCase: string,
  { mode = 'pipes', input = '', env = {}, options = {}, name = 'cases.cjs', argv = [], meanwhile }: Launch = {},
): Promise<Ended> {
  const path = join(folder, `input-${count++}`);
  const mark = `${path}.mark`;
  writeFileSync(path, input);
  const child = spawn('/usr/bin/python3', [join(here, 'launch.py'), mode, path, ...commandOf(name), ...argv], {
    env: {
      PATH: '/usr/bin:/bin',
      ...(process.env.PROCESS_COVERAGE !== undefined && { NODE_V8_COVERAGE: join(coverage, 'raw') }),
      CASE: testCase,
      MARK: mark,
      OPTIONS: JSON.stringify(options),
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '/cases.cgi',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (block: Buffer) => out.push(block));
  child.stderr.on('data', (block: Buffer) => err.push(block));
  meanwhile?.(child);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      end(child);
      resolve({ output: Buffer.concat(out).toString('latin1'), errors: Buffer.concat(err).toString(), code, signal, mark: left(mark) });
    });
  });
}

/** Ends what is left of a launch: after a test that has failed, a script that waits and its launcher. */
function end(child: ChildProcess): void {
  running.delete(child);
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing was.
  }
}

function left(mark: string): string {
  try {
    return readFileSync(mark, 'utf8');
  } catch {
    return '';
  }
}
