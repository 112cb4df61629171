// The worker of a warm CGI script: a FastCGI server that one user's cgi-fcgi processes connect to, and that leaves when
// nobody asks any more, or when another version or another worker has taken its place.

import type { RunWithCgiOptions } from '../cgi/run-with-cgi.ts';
import { serveFastCgi } from '../fastcgi/index.ts';
import { fs } from '../fs.ts';
import { toFunction } from '../gateway/application.ts';
import type { Application, ApplicationFunction } from '../types.ts';

/** Milliseconds between two looks at what is there. */
const INTERVAL = 2_000;
/** Milliseconds in which whoever has found the socket before it was taken away still connects. */
const GRACE = 1_000;
/** Bytes: what the application prints goes nowhere else, and must not fill the disk. */
const LARGEST_LOG = 1024 * 1024;
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
  // Node takes the name it knows away at the end, when the other may be another worker's. By a descriptor, as in build/warm-line.ts.
  const end = path.lastIndexOf('/');
  const folder = fs.openSync(path.slice(0, end), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  const ownPath = `/proc/self/fd/${folder}${path.slice(end)}.${process.pid}`;
  const server = serveFastCgi(counted, {
    socket: ownPath,
    mode: 0o600,
    ...(maxBodySize !== undefined && { maxBodySize }),
    ...(timeout !== undefined && { timeout }),
    ...(env && { env }),
  });
  let own: string | undefined;
  server.on('listening', () => {
    fs.renameSync(ownPath, path);
    own = identity(path);
    fs.rmSync(`${path}.lock`, { force: true });
  });
  server.on('close', () => process.exit());

  const leave = () => {
    clearInterval(timer);
    if (identity(path) === own) fs.rmSync(path, { force: true });
    setTimeout(() => server.close(), GRACE);
  };
  const timer = setInterval(() => {
    if (Date.now() - lastRequest >= idleExit || identity(path) !== own || identity(script) !== version) leave();
    if (fs.fstatSync(2).size > LARGEST_LOG) fs.ftruncateSync(2);
  }, INTERVAL);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, leave);
}

/** What tells a file from a later one of the same name; undefined when there is none. */
function identity(path: string): string | undefined {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  return status && `${status.ino} ${status.mtimeMs}`;
}
