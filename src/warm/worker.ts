// The worker of a warm CGI script: a FastCGI server that one user's cgi-fcgi processes connect to, and that leaves when
// nobody asks any more, or when another version or another worker has taken its place.

import type { RunWithCgiOptions } from '../cgi/run-with-cgi.ts';
import { serveFastCgi } from '../fastcgi/index.ts';
import { fs } from '../fs.ts';
import { toFunction } from '../gateway/application.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import type { Application, ApplicationFunction } from '../types.ts';
import { DRAIN, onUncaught } from '../workers/uncaught.ts';
import { limitLog } from './start.ts';
import { sweep } from './sweep.ts';

/** Milliseconds between two looks at what is there. */
const INTERVAL = 2_000;
/** Milliseconds in which whoever has been told of the worker before it began to leave still connects. */
const GRACE = 1_000;
/** Seconds without a request; RUN_WITH_CGI_IDLE_EXIT sets others. */
const IDLE_EXIT = 300;

/** Serves `application` at the socket `path` until it is time to leave; then the process ends. */
export function work(application: Application, { maxBodySize, timeout, env }: RunWithCgiOptions, path: string): void {
  const callable = toFunction(application);
  const script = process.argv[1] ?? '';
  const version = identity(script);
  const idleExit = Number(process.env.RUN_WITH_CGI_IDLE_EXIT || IDLE_EXIT) * 1000;
  let lastRequest = Date.now();
  const counted: ApplicationFunction = (environ, startResponse) => {
    lastRequest = Date.now();
    return callable(environ, startResponse);
  };

  // Under a name of its own first: to rename it replaces whatever lies there, without a moment in which nothing does. And
  // Node takes the name it knows away at the end, when the other may be another worker's. By a descriptor, as in warm/shell-steps.ts.
  const end = path.lastIndexOf('/');
  const descriptor = fs.openSync(path.slice(0, end), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  const folder = `/proc/self/fd/${descriptor}`;
  const ownPath = `${folder}${path.slice(end)}.${process.pid}`;
  const server = serveFastCgi(counted, {
    socket: ownPath,
    mode: 0o600,
    ...(maxBodySize !== undefined && { maxBodySize }),
    ...(timeout !== undefined && { timeout }),
    ...(env && { env }),
  });
  let own: string | undefined;
  const sign = signAt(`${path}.pid`, `/proc/${process.pid}/fd/${descriptor}`);
  server.on('listening', () => {
    server.on('error', (error) => errors.write(formatFailure('warm', error))); // one connection could not be accepted
    fs.renameSync(ownPath, path);
    own = identity(path);
    sign.put();
    fs.rmSync(`${path}.lock`, { force: true });
    sweep(folder, path.slice(end + 1));
  });
  server.on('close', () => {
    // What it has said stays for whoever wants to know. But nobody does when there is another version of the script.
    const isOver = identity(script) !== version || fs.fstatSync(2).size === 0;
    const isTaken = fs.existsSync(path) || fs.existsSync(`${path}.lock`);
    if (isOver && !isTaken) fs.rmSync(`${path}.log`, { force: true });
    process.exit(status);
  });

  const leave = () => {
    clearInterval(timer);
    sign.remove();
    setTimeout(() => {
      if (identity(path) === own) fs.rmSync(path, { force: true });
      server.close();
    }, GRACE);
  };
  const timer = setInterval(() => {
    if (Date.now() - lastRequest >= idleExit || identity(path) !== own || identity(script) !== version) leave();
    limitLog(2);
  }, INTERVAL);
  let status = 0;
  const errors = errorStream(process.stderr);
  onUncaught({
    name: 'warm',
    errors,
    deadline: GRACE + DRAIN,
    leave() {
      status = 1;
      leave();
      setTimeout(() => process.exit(status), GRACE + DRAIN);
    },
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, leave);
}

/**
 * The link by which the shell sees that this process lives (warm/shell-steps.ts): `target`, a folder that this process has open, is
 * there for as long. A process that has ended and that nobody has waited for has a number still, but no descriptors.
 */
function signAt(link: string, target: string): { put(): void; remove(): void } {
  return {
    put() {
      const name = `${link}.${process.pid}`;
      fs.rmSync(name, { force: true });
      fs.symlinkSync(target, name);
      fs.renameSync(name, link);
    },
    remove() {
      try {
        if (fs.readlinkSync(link) === target) fs.unlinkSync(link);
      } catch {
        // Another worker has put its own there, or somebody has cleaned up.
      }
    },
  };
}

/** What tells a file from a later one of the same name; undefined when there is none. */
function identity(path: string): string | undefined {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  return status && `${status.ino} ${status.mtimeMs}`;
}
