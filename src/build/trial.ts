// Tries a script out as a web server would run it: whether it answers in an empty environment, and how long it takes.

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BOOT_ARGUMENTS } from '../built-script/boot.ts';
import { describeExitStatus, killGroup } from '../child-process.ts';
import { UserError } from '../load/user-error.ts';
import { hintOf, warnOf404 } from './hints.ts';
import { programsInPath } from './programs.ts';
import { atEarlyEnd, withFolder } from './temporary.ts';

export type Runtime = 'node' | 'bun';

export interface Answer {
  /** Standard output, as a byte string. */
  output: string;
  /** Standard error. */
  log: string;
  /** How the process ended, "exit status 1" or "SIGSEGV"; undefined when it has not ended in time. */
  end: string | undefined;
  milliseconds: number;
}

type Variables = Readonly<Record<string, string>>;

/** The variables of the request, but for those of its path. */
const REQUEST = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
};

/** Milliseconds that a script has for its answer. */
const TIMEOUT = 10_000;

export interface Trial {
  /** The path of the request, with its query. */
  path: string;
  /** The file name of the script. */
  name: string;
  /** More variables, beside those of the request. */
  env: Variables;
}

/** Returns the variables of a GET request for a script whose own path is `mount`. */
export function requestVariables({ path, env }: Trial, mount: string): Variables {
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

/** Returns the command that runs `script` on this machine, whatever interpreter its first lines name. */
export function commandOf(runtime: Runtime, script: string): string[] {
  return [runtimePath(runtime), ...(runtime === 'node' ? BOOT_ARGUMENTS : []), script];
}

/** Returns the path of a runtime. Throws a `UserError` where it is not installed. */
export function runtimePath(runtime: Runtime): string {
  if (runtime === 'node') return process.execPath;
  const [path] = programsInPath(runtime);
  if (path === undefined)
    throw new UserError('runtime-missing', `${runtime} is not in the PATH; install it, since build must try the script out`);
  return path;
}

/**
 * Runs a script for a request at the root of a server, and for one behind its own path. Returns a warning when it answers by
 * 404. Throws a `UserError` when it does not answer.
 */
export async function tryOut(command: readonly string[], folder: string, trial: Trial): Promise<string | undefined> {
  const mount = `/cgi-bin/${trial.name}`;
  const atRoot = checkAnswer(await run(command, folder, requestVariables(trial, '')), trial);
  const mounted = checkAnswer(await run(command, folder, requestVariables(trial, mount)), trial);
  return warnOf404(trial.path, mount, atRoot, mounted);
}

/** Returns the status of an answer. Throws a `UserError` when it is no CGI response, or a 500. */
export function checkAnswer({ output, log, end }: Answer, { path, name }: Trial): number {
  const [, status] = /^(?:Status:|HTTP\/1\.[01]) (\d{3}) /.exec(output) ?? [];
  if (status !== undefined && status !== '500') return Number(status);
  const fault =
    status !== undefined
      ? 'answered by 500'
      : end === undefined
        ? `gave no answer in ${TIMEOUT / 1000} seconds; --trial-path takes another path, --no-trial no trial at all`
        : `ended with ${end}, without an answer`;
  const message = `${name} was asked for ${path}, in an empty folder and environment, and ${fault}${hintOf(log)}`;
  throw new UserError('build-fails', message, { cause: log.trimEnd() || undefined });
}

/** The shortest times that were measured, in milliseconds. */
export interface Times {
  /** From the start of the script until it has answered. */
  script: number;
  /** From the start of its runtime with an empty file until that has ended. */
  emptyFile: number;
}

/** How often each is measured; the fastest run counts. */
const ROUNDS = 3;

/** Measures how long `command` takes for its answer, in the folder of its last word. Throws a `UserError` when it does not answer. */
export async function measure(command: readonly string[], runtime: Runtime, trial: Trial): Promise<Times> {
  const folder = dirname(command.at(-1) ?? '');
  const request = requestVariables(trial, '');
  return withFolder(join(tmpdir(), 'run-with-cgi-build-'), async (emptyFolder) => {
    const empty = join(emptyFolder, 'empty.cjs');
    await writeFile(empty, '');
    const times = { script: Infinity, emptyFile: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      const answer = await run(command, folder, request);
      checkAnswer(answer, trial);
      times.script = Math.min(times.script, answer.milliseconds);
      times.emptyFile = Math.min(times.emptyFile, (await run([runtimePath(runtime), empty], emptyFolder, request)).milliseconds);
    }
    return times;
  });
}

/** Runs `command` as a CGI program in the folder `cwd`, with no variables but `env`. Kills it after ten seconds. */
export function run(command: readonly string[], cwd: string, env: Variables): Promise<Answer> {
  const began = performance.now();
  // cat makes standard output a pipe, as under a web server; Node would make it a socket. The shell writes the exit status to
  // descriptor 3, and its own messages nowhere.
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
  const kill = () => killGroup(child.pid);
  const cancel = atEarlyEnd(kill);
  const timer = setTimeout(kill, TIMEOUT);
  const [output, log, status] = [1, 2, 3].map((descriptor) => {
    const blocks: Buffer[] = [];
    child.stdio[descriptor]?.on('data', (block: Buffer) => blocks.push(block));
    return blocks;
  }) as [Buffer[], Buffer[], Buffer[]];
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      kill(); // processes that the program has left running
      cancel();
      const milliseconds = performance.now() - began;
      const end = String(Buffer.concat(status)).trim();
      resolve({
        output: Buffer.concat(output).toString('latin1'),
        log: String(Buffer.concat(log)),
        end: end === '' ? undefined : describeExitStatus(Number(end)),
        milliseconds,
      });
    });
  });
}
