// The gateway that fits how this process was started: once for a request, or to stay and answer many.

import { handOver, isCapturing } from './cgi/hand-over.ts';
import { type RunWithCgiOptions, runWithCgi } from './cgi/run-with-cgi.ts';
import { reserveStdout } from './cgi/stdout.ts';
import { fs } from './fs.ts';
import type { Application } from './types.ts';

export interface RunOptions extends RunWithCgiOptions {
  /** What a resident process speaks. Default: what RUN_WITH_CGI_PROTOCOL says, or "fastcgi". */
  protocol?: 'fastcgi' | 'scgi';
  /** Where a resident process is mounted, as for `serveFastCgi`. Default: what RUN_WITH_CGI_SCRIPT_NAME says, or what the server does. */
  scriptName?: string;
  /** Milliseconds for which connections that are open are served after SIGTERM. Default: the seconds of RUN_WITH_CGI_GRACE, or 0. */
  grace?: number;
}

/** The first descriptor that systemd passes: sd_listen_fds(3). */
const FIRST_PASSED = 3;

/**
 * Runs `application` by the gateway that fits: as a CGI script where the environment has a request; as a FastCGI or
 * SCGI server where descriptor 0 is a socket that listens (spawn-fcgi, mod_fcgid, lighttpd), or systemd has passed one
 * (LISTEN_FDS); and as a CGI script for a GET of "/" elsewhere, as in a shell. A resident process ends on SIGTERM,
 * SIGINT or SIGUSR1, when what runs is finished.
 *
 * The promise resolves when the response, or the last one, is done. Throws as `runWithCgi` does.
 */
export function run(application: Application, options: RunOptions = {}): Promise<void> {
  if (handOver(application, options)) return Promise.resolve();
  const fd = options.stdout === undefined ? listeningDescriptor() : undefined;
  return fd === undefined ? runWithCgi(application, options) : stay(application, fd, options);
}

/**
 * Keeps standard output for the response from now on: what modules print while they are loaded goes to the log. `run`
 * and `runWithCgi` do so themselves; a built file begins with this, and a script can, in a module that it imports
 * first. Does nothing in a resident process, and in one that is no script.
 */
export function guardStdout(): void {
  if (!isCapturing() && listeningDescriptor() === undefined) reserveStdout();
}

/** A client cannot choose: variables of a request come first, and no request can take them away. */
function listeningDescriptor(): number | undefined {
  const { GATEWAY_INTERFACE, REQUEST_METHOD, LISTEN_FDS, LISTEN_PID } = process.env;
  if (GATEWAY_INTERFACE || REQUEST_METHOD) return undefined;
  if (Number(LISTEN_FDS) >= 1 && Number(LISTEN_PID) === process.pid) return FIRST_PASSED;
  return isListening(0) ? 0 : undefined;
}

/** Read from /proc, since to try it would change the socket for everybody who shares it. */
function isListening(fd: number): boolean {
  try {
    const { ino } = fs.fstatSync(fd);
    if (!fs.fstatSync(fd).isSocket()) return false;
    const lines = (table: string) => fs.readFileSync(`/proc/self/net/${table}`, 'latin1').split('\n').slice(1);
    // Num RefCount Protocol Flags Type St Inode Path; 0x10000 is "accepts connections".
    const isUnix = lines('unix').some((line) => {
      const fields = line.trim().split(/\s+/);
      return fields[6] === String(ino) && (Number.parseInt(fields[3] ?? '', 16) & 0x10000) !== 0;
    });
    // sl local_address rem_address st …, inode is the tenth; 0A is LISTEN.
    const isTcp = ['tcp', 'tcp6'].some((table) =>
      lines(table).some((line) => {
        const fields = line.trim().split(/\s+/);
        return fields[3] === '0A' && fields[9] === String(ino);
      }),
    );
    return isUnix || isTcp;
  } catch {
    return false;
  }
}

async function stay(application: Application, fd: number, options: RunOptions): Promise<void> {
  const { RUN_WITH_CGI_PROTOCOL, RUN_WITH_CGI_SCRIPT_NAME, RUN_WITH_CGI_GRACE = 0 } = process.env;
  const { protocol = RUN_WITH_CGI_PROTOCOL === 'scgi' ? 'scgi' : 'fastcgi', maxBodySize, timeout, env } = options;
  const { scriptName = RUN_WITH_CGI_SCRIPT_NAME, grace = Number(RUN_WITH_CGI_GRACE) * 1000 } = options;
  const { serveUntilStopped } = await import('./workers/lifetime.ts');
  const settings = {
    fd,
    grace,
    ...(scriptName !== undefined && { scriptName }),
    ...(maxBodySize !== undefined && { maxBodySize }),
    ...(timeout !== undefined && { timeout }),
    ...(env && { env }),
  };
  // What the application prints is no response here.
  const life = { name: protocol };
  if (protocol === 'scgi') {
    const { serveScgi } = await import('./scgi/index.ts');
    process.exit(await serveUntilStopped(application, (counted) => serveScgi(counted, settings), life));
  }
  const { serveFastCgi } = await import('./fastcgi/index.ts');
  process.exit(await serveUntilStopped(application, (counted) => serveFastCgi(counted, settings), life));
}
