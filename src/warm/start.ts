// The worker of a warm CGI script is started by the first request, which does not wait for it: that one is answered
// in its own process, as are all that come until the worker listens.

import { fs } from '../fs.ts';

/** Milliseconds after which a worker that was started and does not listen is given up. */
const PATIENCE = 10_000;
/** Milliseconds that the shell may take before Node. */
const START = 1_000;
/** Bytes of the socket's name: an address has 107, and more comes before it and after. */
const LONGEST_NAME = 75;

/** What the request brings, and a process for many requests must not go by. */
const OF_THE_REQUEST =
  /^(?:HTTP_|REDIRECT_|SSL_|SERVER_|REMOTE_|SCRIPT_|REQUEST_|PATH_INFO$|PATH_TRANSLATED$|QUERY_STRING$|CONTENT_|AUTH_TYPE$|GATEWAY_INTERFACE$|DOCUMENT_URI$|UNIQUE_ID$|HTTPS$)/;

/** Takes the variable out of the environment, where neither the application nor its children look for it. */
export function takeSocketPath(name: string): string | undefined {
  const path = process.env[name];
  delete process.env[name];
  return path;
}

/** Starts the worker for `socket`, unless somebody else is just doing so, or it cannot be: then all goes on as plain CGI. */
export function startWorker(socket: string): void {
  try {
    const name = socket.slice(socket.lastIndexOf('/') + 1);
    if (Buffer.byteLength(name) > LONGEST_NAME || !hasCgiFcgi() || !isPrivate(folderOf(socket)) || !lock(`${socket}.lock`)) return;
    if (isFresh(socket)) {
      fs.unlinkSync(`${socket}.lock`);
      return;
    }
    // It has no other place for what it prints, and for what ends it.
    const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;
    const log = fs.openSync(`${socket}.log`, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600);
    process
      .getBuiltinModule('node:child_process')
      .spawn(process.execPath, [...process.execArgv, process.argv[1] ?? ''], {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...environment(), RUN_WITH_CGI_WARM_WORKER: socket },
      })
      .on('error', () => {})
      .unref();
    fs.closeSync(log);
  } catch {
    // A full disk, no processes left: the request is answered all the same.
  }
}

function hasCgiFcgi(): boolean {
  const { PATH = '/usr/local/bin:/usr/bin:/bin' } = process.env;
  return PATH.split(':').some((folder) => fs.existsSync(`${folder}/cgi-fcgi`));
}

/** The part that is the user's own; below it lies the path of the script. */
function folderOf(socket: string): string {
  const name = `/run-with-cgi-${process.geteuid?.()}`;
  return socket.slice(0, socket.indexOf(`${name}/`) + name.length);
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

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !OF_THE_REQUEST.test(name)));
}
