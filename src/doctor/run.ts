// Runs a script once as a web server would: as the server's user, in the script's folder, with pipes, under the server's limits,
// and with no variables but those of the request. A run always ends: it sends SIGKILL to all that the script has started, if need be,
// and does not wait for a process that it cannot kill.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeExitStatus, killGroup } from '../child-process.ts';
import { type Account, asAccount } from './account.ts';
import type { Limits } from './server/facts.ts';

/** Bytes of output and of log after which a run is ended. */
const MAX_OUTPUT = 32 * 1024 * 1024;
const MAX_LOG = 4 * 1024 * 1024;
/** Milliseconds for which output may stay open when the script has ended. */
const LINGER = 1_500;
/** Milliseconds after SIGKILL for which a run waits until the pipes are closed. */
const GRACE = 500;

export interface RunOptions {
  account: Account;
  limits: Limits;
  /** The whole environment. */
  variables: Readonly<Record<string, string>>;
  body?: Buffer | undefined;
  /** Milliseconds after which the standard input ends, although the body was sent at once. Default: 0. */
  inputStaysOpen?: number;
  /** Milliseconds after which the run is ended. */
  timeout: number;
}

export interface Run {
  /** Standard output. */
  output: Buffer;
  /** Standard error. */
  log: string;
  /** How the script ended: "exit status 1", "SIGSEGV"; undefined when it was ended by the timeout. */
  end: string | undefined;
  /** Milliseconds until the first byte of output; undefined without output. */
  firstByte: number | undefined;
  /** Milliseconds until standard output ended, or until the run ended where it did not. */
  milliseconds: number;
  /** Milliseconds until the script itself ended; undefined when it did not. */
  ended: number | undefined;
  /** Whether another process kept standard output open after the script had ended. */
  isHeldOpen: boolean;
  /** Whether another process kept standard error open after the script had ended. */
  isLogHeldOpen: boolean;
  /** Whether a process that this one cannot end still had a pipe of the run open when the run was given up. */
  isLeftRunning: boolean;
  /** Whether there was more output than a run may have. */
  isEndless: boolean;
}

/**
 * The first cat makes standard input a pipe and the second one standard output, as under most servers; Node would make both
 * sockets. `env -i` removes what the shell exports. The exit status goes to descriptor 3, and the shell's own messages nowhere.
 */
const WRAPPER = `exec 4>&2 2>/dev/null; cat 3>&- 4>&- | { (LIMITS exec /usr/bin/env -i "$@" 2>&4 3>&- 4>&-); echo $? >&3; } | cat 3>&- 4>&-`;

/** Runs `argv`: the absolute path of a script, or of an interpreter and of a script. The folder of the last one is the current one. */
export function run(argv: readonly string[], options: RunOptions): Promise<Run> {
  const { account, limits, variables, body, inputStaysOpen = 0, timeout } = options;
  // Apache's mod_unique_id gives scripts a variable of this name. Here it marks a process that has left the process group.
  const mark = `UNIQUE_ID=${randomBytes(18).toString('base64url')}`;
  const assignments = [...Object.entries(variables).map(([name, value]) => `${name}=${value}`), mark];
  const wrapper = WRAPPER.replace('LIMITS', () => limitCommands(limits));
  const {
    command,
    args,
    options: identity,
  } = asAccount(account, ['/bin/sh', '-c', wrapper, 'sh', ...assignments, ...launcher(argv), ...argv]);
  const began = performance.now();
  const child = spawn(command, args, {
    ...identity,
    cwd: dirname(argv.at(-1) ?? '/'),
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = () => {
    killGroup(child.pid);
    killMarked(mark);
  };
  process.once('exit', kill);
  let [isEndless, isHeldOpen, isLogHeldOpen, isLeftRunning, isTooLate] = [false, false, false, false, false];
  let giveUp: NodeJS.Timeout | undefined;
  /** Kills what runs, and closes this side of the pipes where that has not closed the other one. */
  const end = () => {
    kill();
    giveUp ??= setTimeout(() => {
      isLeftRunning = true;
      for (const stream of child.stdio) stream?.destroy();
    }, GRACE);
  };
  const timer = setTimeout(() => {
    isTooLate = true;
    end();
  }, timeout);

  const output: Buffer[] = [];
  let [length, log, status] = [0, '', ''];
  let firstByte: number | undefined;
  let ended: number | undefined;
  let linger: NodeJS.Timeout | undefined;
  child.stdio[1]?.on('data', (block: Buffer) => {
    firstByte ??= performance.now() - began;
    length += block.length;
    if (length <= MAX_OUTPUT) output.push(block);
    else {
      isEndless = true;
      end();
    }
  });
  let outputEnded: number | undefined;
  let logEnded = false;
  child.stdio[1]?.on('end', () => {
    outputEnded = performance.now() - began;
  });
  child.stdio[2]?.on('end', () => {
    logEnded = true;
  });
  child.stdio[2]?.on('data', (block: Buffer) => {
    if (log.length < MAX_LOG) log += block.toString('utf8');
    else {
      isEndless = true;
      end();
    }
  });
  child.stdio[3]?.on('data', (block: Buffer) => {
    status += block.toString('latin1');
    ended ??= performance.now() - began;
    clearTimeout(timer);
    child.stdin?.end();
    linger ??= setTimeout(() => {
      isHeldOpen = outputEnded === undefined;
      isLogHeldOpen = !logEnded;
      end();
    }, LINGER);
  });
  child.stdin?.on('error', () => {}); // EPIPE: a script need not read its input
  if (body) child.stdin?.write(body);
  const closing = setTimeout(() => child.stdin?.end(), inputStaysOpen);
  if (inputStaysOpen === 0) child.stdin?.end();

  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      for (const one of [timer, linger, closing, giveUp]) clearTimeout(one);
      process.off('exit', kill);
      kill(); // what the script has left running
      const exit = /^\d+/.exec(status)?.[0];
      resolve({
        output: Buffer.concat(output),
        log,
        end: exit === undefined || isTooLate ? undefined : describeExitStatus(Number(exit)),
        firstByte,
        milliseconds: outputEnded ?? performance.now() - began,
        ended,
        isHeldOpen,
        isLogHeldOpen,
        isLeftRunning,
        isEndless,
      });
    });
  });
}

/**
 * Sends SIGKILL to each process that has the variable `mark` in its environment, and again to those that these have started in the
 * meantime. Processes of other users are not seen, except by root.
 */
function killMarked(mark: string): void {
  for (let round = 0; round < 5; round += 1) {
    let wasFound = false;
    for (const pid of listProcesses()) {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)) continue;
        process.kill(pid, 'SIGKILL');
        wasFound = true;
      } catch {
        // The process has ended in the meantime, or belongs to somebody else.
      }
    }
    if (!wasFound) return;
  }
}

function listProcesses(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Returns what stands before a command whose name env would take for a variable, because it contains "=". */
function launcher([command = '']: readonly string[]): string[] {
  const nice = command.includes('=') ? ['/usr/bin/nice', '/bin/nice'].find((path) => existsSync(path)) : undefined;
  return nice === undefined ? [] : [nice, '-n', '0'];
}

/** Returns commands of the shell that set `limits`. The shells have two letters for the number of processes. */
function limitCommands({ addressSpace, processes }: Limits): string {
  const commands: string[] = [];
  if (addressSpace !== undefined) commands.push(`ulimit -v ${Math.floor(addressSpace / 1024)};`);
  if (processes !== undefined) commands.push(`if (ulimit -p ${processes}); then ulimit -p ${processes}; else ulimit -u ${processes}; fi;`);
  return commands.join(' ');
}
