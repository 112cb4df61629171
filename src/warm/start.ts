// The worker of a warm CGI script is started by the first request, which does not wait for it: that one is answered
// in its own process, as are all that come until the worker listens.

import { BOOT_WORDS } from '../built-script/boot.ts';
import { fs } from '../fs.ts';
import { keepEnvironment } from './environment.ts';

/** Milliseconds after which a worker that was started and does not listen is given up. */
export const PATIENCE = 10_000;
/** Milliseconds that the shell may take before Node. */
const START = 1_000;
/** Bytes of the socket's name: an address has 107, and more comes before it and after. */
const LONGEST_NAME = 75;
/** Bytes: what the application prints goes nowhere else, and must not fill the disk. */
const LARGEST_LOG = 1024 * 1024;

/** Takes the variable out of the environment, where neither the application nor its children look for it. */
export function takeSocketPath(name: string): string | undefined {
  const path = process.env[name];
  delete process.env[name];
  return path;
}

/**
 * Starts the worker for `socket`, unless somebody else is just doing so, or it cannot be: then all goes on as plain CGI.
 * Its process has the variables `named`, beside those of the system.
 */
export function startWorker(socket: string, named: readonly string[]): void {
  try {
    const name = socket.slice(socket.lastIndexOf('/') + 1);
    const folder = privateFolder();
    if (Buffer.byteLength(name) > LONGEST_NAME || !socket.startsWith(`${folder}/`)) return;
    if (!hasCgiFcgi() || !isPrivate(folder) || !lock(`${socket}.lock`)) return;
    if (isFresh(socket)) {
      fs.unlinkSync(`${socket}.lock`);
      return;
    }
    // It has no other place for what it prints, and for what ends it. What has ended the one before it stays to be read.
    const { O_WRONLY, O_CREAT, O_APPEND } = fs.constants;
    const log = fs.openSync(`${socket}.log`, O_WRONLY | O_CREAT | O_APPEND, 0o600);
    limitLog(log);
    const { env, missing } = keepEnvironment(process.env, named);
    if (missing.length > 0) {
      fs.writeSync(
        log,
        `warm: the worker has no ${missing.join(', ')} in its environment: they may belong to the request that has started it; name those that are the server's by build --warm --keep-env NAME\n`,
      );
    }
    process
      .getBuiltinModule('node:child_process')
      .spawn(process.execPath, [...process.execArgv, ...BOOT_WORDS, process.argv[1] ?? ''], {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...env, RUN_WITH_CGI_WARM_WORKER: socket },
      })
      .on('error', () => {})
      .unref();
    fs.closeSync(log);
  } catch {
    // A full disk, no processes left: the request is answered all the same.
  }
}

/** Empties what has grown too large. */
export function limitLog(log: number): void {
  if (fs.fstatSync(log).size > LARGEST_LOG) fs.ftruncateSync(log);
}

function hasCgiFcgi(): boolean {
  const { PATH = '/usr/local/bin:/usr/bin:/bin' } = process.env;
  return PATH.split(':').some((folder) => fs.existsSync(`${folder}/cgi-fcgi`));
}

/** The user's own, as warm/shell-steps.ts has it; below it lies the path of the script. */
function privateFolder(): string {
  return `${process.env.TMPDIR || '/tmp'}/run-with-cgi-${process.geteuid?.()}`;
}

/** Makes the folder, and says whether it is ours alone: /tmp is everybody's, and somebody may have been there before us. */
function isPrivate(folder: string): boolean {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = fs.lstatSync(folder);
  return status.isDirectory() && status.uid === process.geteuid?.() && (status.mode & 0o077) === 0;
}

/** Returns false when another process is starting the worker. Two that do so at once are no harm: the later one stays. */
function lock(path: string): boolean {
  fs.mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 });
  try {
    fs.closeSync(fs.openSync(path, 'wx', 0o600));
  } catch {
    const age = Date.now() - fs.statSync(path).mtimeMs;
    if (age >= 0 && age < PATIENCE) return false;
    const now = new Date();
    fs.utimesSync(path, now, now);
  }
  return true;
}

/** Whether the worker has come while this process was starting. An older socket is one that did not answer. */
function isFresh(socket: string): boolean {
  const status = fs.statSync(socket, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.ctimeMs < process.uptime() * 1000 + START;
}
