// Starts the worker of a warm script. The first request does so, but does not wait for it: its own process answers it, and so
// do the processes of all requests that come before the worker listens.

import { BOOT_ARGUMENTS } from '../built-script/boot.ts';
import { fs } from '../fs.ts';
import { makePrivateFolder, takeLock, temporaryFolder } from '../private-folder.ts';
import { workerEnvironment } from './environment.ts';

/** Milliseconds that a worker has to begin to listen. After that another request may start one. */
export const STARTUP_TIMEOUT = 10_000;
/** Milliseconds that the shell or Perl may run before Node starts. */
const SHELL_TIME = 1_000;
/** Bytes of the socket's file name. The address of a socket has at most 107; the rest is for the folder and for endings. */
const MAX_NAME = 75;
/** Bytes of the worker's log, which must not fill the disk. */
const MAX_LOG = 1024 * 1024;

/** Returns the variable `name` and removes it from the environment, so that neither the application nor its children see it. */
export function takeSocketPath(name: string): string | undefined {
  const path = process.env[name];
  delete process.env[name];
  return path;
}

/**
 * Starts the worker for `socket`. Does nothing when another process is starting it, when the system has no /proc, and when
 * anything goes wrong: then requests stay plain CGI. `keptNames` are the variables that the worker keeps beside those of the system.
 */
export function startWorker(socket: string, keptNames: readonly string[]): void {
  try {
    const slash = socket.lastIndexOf('/');
    const name = socket.slice(slash + 1);
    const folder = temporaryFolder(); // shell-steps.ts and relay.pl make the same path
    if (Buffer.byteLength(name) > MAX_NAME || !socket.startsWith(`${folder}/`)) return;
    if (!fs.existsSync('/proc/self/fd') || !makePrivateFolder(folder)) return;
    fs.mkdirSync(socket.slice(0, slash), { recursive: true, mode: 0o700 });
    // Two workers at once do no harm: the later one takes over.
    if (!takeLock(`${socket}.lock`, STARTUP_TIMEOUT)) return;
    if (hasJustStarted(socket)) {
      fs.unlinkSync(`${socket}.lock`);
      return;
    }
    // The worker has no other place for its output and its errors. It appends, so that the last error of the one before stays.
    const { O_WRONLY, O_CREAT, O_APPEND } = fs.constants;
    const log = fs.openSync(`${socket}.log`, O_WRONLY | O_CREAT | O_APPEND, 0o600);
    limitLog(log);
    const { env, missing } = workerEnvironment(process.env, keptNames);
    if (missing.length > 0) {
      fs.writeSync(
        log,
        `warm: the worker has no ${missing.join(', ')} in its environment, since they may belong to the request that has started it; name those that the web server sets for all requests by build --warm --keep-env NAME\n`,
      );
    }
    process
      .getBuiltinModule('node:child_process')
      .spawn(process.execPath, [...process.execArgv, ...BOOT_ARGUMENTS, process.argv[1] ?? ''], {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...env, RUN_WITH_CGI_WARM_WORKER: socket },
      })
      .on('error', () => {})
      .unref();
    fs.closeSync(log);
  } catch {
    // A full disk, say, or no process left: this process answers the request all the same.
  }
}

/** Empties the log, an open file, when it has grown too large. */
export function limitLog(log: number): void {
  if (fs.fstatSync(log).size > MAX_LOG) fs.ftruncateSync(log);
}

/** Whether a worker has begun to listen while this process was starting. The worker of an older socket has not answered. */
function hasJustStarted(socket: string): boolean {
  const status = fs.statSync(socket, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.ctimeMs < process.uptime() * 1000 + SHELL_TIME;
}
