// A script, tried out as a web server would run it: whether it answers with nothing around it, and how long that takes.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BOOT_WORDS } from '../built-script/boot.ts';
import { UserError } from '../load/user-error.ts';
import { hintOf, noteOf } from './hints.ts';
import { atEarlyEnd, withFolder } from './temporary.ts';

export type Runtime = 'node' | 'bun';

export interface Answer {
  /** A byte string. */
  output: string;
  log: string;
  /** "exit status 1", "SIGSEGV"; undefined when it has not ended in time. */
  end: string | undefined;
  milliseconds: number;
}

type Variables = Readonly<Record<string, string>>;

/** What a CGI program finds in its environment. */
const REQUEST = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
};

/** Milliseconds. */
const PATIENCE = 10_000;

export interface Trial {
  /** What is asked for, with its query. */
  path: string;
  /** Of the script. */
  name: string;
  /** Variables beside those of the request. */
  env: Variables;
}

/** The variables of a GET request, behind `mount`, the path of the script. */
export function requestOf({ path, env }: Trial, mount: string): Variables {
  const [pathInfo = '', query = ''] = path.split(/\?(.*)/s);
  return {
    ...REQUEST,
    SCRIPT_NAME: mount,
    PATH_INFO: decodeURIComponent(pathInfo),
    QUERY_STRING: query,
    REQUEST_URI: mount + path,
    ...env,
  };
}

/** The command that runs `script` here, whatever its first lines name for the host. */
export function commandOf(runtime: Runtime, script: string): string[] {
  return [pathOf(runtime), ...(runtime === 'node' ? BOOT_WORDS : []), script];
}

/** Returns the path of a runtime by its name. Throws a `UserError` where it is not installed. */
export function pathOf(runtime: Runtime): string {
  if (runtime === 'node') return process.execPath;
  const path = (process.env.PATH ?? '').split(':').map((folder) => join(folder, runtime));
  const found = path.find((file) => existsSync(file));
  if (found === undefined)
    throw new UserError('runtime-missing', `${runtime} is not in the PATH, and a script for it must be tried out; install it`);
  return found;
}

/**
 * Runs a script for a request at the root of a server, and for one behind its own path. Throws a `UserError` when it does not
 * answer. Returns what a deployer should know when it answers by 404.
 */
export async function tryOut(command: readonly string[], folder: string, trial: Trial): Promise<string | undefined> {
  const mount = `/cgi-bin/${trial.name}`;
  const atRoot = mustAnswer(await run(command, folder, requestOf(trial, '')), trial);
  const mounted = mustAnswer(await run(command, folder, requestOf(trial, mount)), trial);
  return noteOf(trial.path, mount, atRoot, mounted);
}

/** Returns the status of an answer. Throws a `UserError` when it is no response of CGI, or one that says the application has failed. */
export function mustAnswer({ output, log, end }: Answer, { path, name }: Trial): number {
  const [, status] = /^(?:Status:|HTTP\/1\.[01]) (\d{3}) /.exec(output) ?? [];
  if (status !== undefined && status !== '500') return Number(status);
  const fault =
    status !== undefined
      ? 'answered by 500'
      : end === undefined
        ? `gave no answer in ${PATIENCE / 1000} seconds; --trial-path asks for another path, --no-trial for none`
        : `ended with ${end}, without an answer`;
  const message = `${name} was asked for ${path}, in an empty folder and environment, and ${fault}${hintOf(log)}`;
  throw new UserError('build-fails', message, { cause: log.trimEnd() || undefined });
}

/** Milliseconds. */
export interface Times {
  /** Of a script, until it has answered. */
  script: number;
  /** Of its runtime, for an empty file. */
  nothing: number;
}

/** How many runs of each are measured; the fastest counts. */
const ROUNDS = 7;

/** Finds out how long `script` takes for its answer, in the folder where it lies. Throws a `UserError` when it does not answer. */
export async function measure(script: string, runtime: Runtime, trial: Trial): Promise<Times> {
  const folder = dirname(script);
  const request = requestOf(trial, '');
  return withFolder(join(tmpdir(), 'run-with-cgi-build-'), async (other) => {
    const empty = join(other, 'empty.cjs');
    await writeFile(empty, '');
    const times = { script: Infinity, nothing: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      const answer = await run(commandOf(runtime, script), folder, request);
      mustAnswer(answer, trial);
      times.script = Math.min(times.script, answer.milliseconds);
      times.nothing = Math.min(times.nothing, (await run([pathOf(runtime), empty], other, request)).milliseconds);
    }
    return times;
  });
}

/** Runs `command` as a CGI program with no variables but `env`. It is given up when nobody would wait any longer. */
export function run(command: readonly string[], cwd: string, env: Variables): Promise<Answer> {
  const began = performance.now();
  // Through cat: a pipe, as under a web server, where Node would make a socket. The shell tells by a descriptor of its own how
  // the program has ended, and says nothing else.
  const child = spawn(
    '/bin/sh',
    ['-c', 'exec 4>&2 2>/dev/null; { (exec "$@" 2>&4 3>&- 4>&-); echo $? >&3; } | cat 3>&- 4>&-', 'sh', ...command],
    {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    },
  );
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // All of them have ended.
    }
  };
  const keep = atEarlyEnd(kill);
  const timer = setTimeout(kill, PATIENCE);
  const [output, log, status] = [1, 2, 3].map((descriptor) => {
    const blocks: Buffer[] = [];
    child.stdio[descriptor]?.on('data', (block: Buffer) => blocks.push(block));
    return blocks;
  }) as [Buffer[], Buffer[], Buffer[]];
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      kill(); // what it has left running
      keep();
      const milliseconds = performance.now() - began;
      const end = String(Buffer.concat(status)).trim();
      resolve({
        output: Buffer.concat(output).toString('latin1'),
        log: String(Buffer.concat(log)),
        end: end === '' ? undefined : describeEnd(Number(end)),
        milliseconds,
      });
    });
  });
}

function describeEnd(status: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128);
  return signal ? signal[0] : `exit status ${status}`;
}
