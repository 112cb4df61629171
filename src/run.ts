// run(): chooses the gateway by how this process was started: as a CGI script for one request, or as a server for many.

import { isCapturing, offerApplication } from './cgi/capture.ts';
import { type RunWithCgiOptions, runWithCgi } from './cgi/run-with-cgi.ts';
import { reserveStdout } from './cgi/stdout.ts';
import { ApplicationError } from './errors.ts';
import { isListening } from './proc-net.ts';
import { show } from './show.ts';
import { secondsOf } from './timer.ts';
import type { Application } from './types.ts';

export interface RunOptions extends RunWithCgiOptions {
  /** The protocol of a server. Default: the value of RUN_WITH_CGI_PROTOCOL, or "fastcgi". */
  protocol?: 'fastcgi' | 'scgi';
  /** The URL path of the application in a server, as for `serveFastCgi`. Default: RUN_WITH_CGI_SCRIPT_NAME, or what the web server sends. */
  scriptName?: string;
  /** Milliseconds for which a server goes on serving open connections after SIGTERM. Default: RUN_WITH_CGI_GRACE, in seconds, or 0. */
  grace?: number;
}

/** The first descriptor that systemd passes: sd_listen_fds(3). */
const FIRST_PASSED = 3;

/**
 * Runs `application` by the gateway that fits this process. If the environment has a request, it is a CGI script. If descriptor
 * 0 is a socket that listens (spawn-fcgi, mod_fcgid, lighttpd), or systemd has passed one (LISTEN_FDS), it is a FastCGI or SCGI
 * server. Otherwise, as in a shell, it is a CGI script for a GET of "/". A server ends on SIGTERM, SIGINT or SIGUSR1, after the
 * requests that it has.
 *
 * Of a script the promise resolves when the response is done. A server ends the process instead. Throws as `runWithCgi` does.
 */
export function run(application: Application, options: RunOptions = {}): Promise<void> {
  if (offerApplication(application, options)) return Promise.resolve();
  const fd = options.stdout === undefined ? listeningDescriptor() : undefined;
  return fd === undefined ? runWithCgi(application, options) : serve(application, fd, options);
}

/**
 * Keeps standard output for the response from now on, so that what modules print while they are loaded goes to the log. `run`
 * and `runWithCgi` do the same when they are called. A built file begins with this; a script can call it in the first module
 * that it imports. Does nothing in a server, and in a process that is no script.
 */
export function guardStdout(): void {
  if (!isCapturing() && listeningDescriptor() === undefined) reserveStdout();
}

/**
 * Returns the socket on which the process must listen; undefined for a CGI script. The variables of a request are looked at
 * first, so that a client cannot choose.
 */
function listeningDescriptor(): number | undefined {
  const { GATEWAY_INTERFACE, REQUEST_METHOD, LISTEN_FDS, LISTEN_PID } = process.env;
  if (GATEWAY_INTERFACE || REQUEST_METHOD) return undefined;
  if (Number(LISTEN_FDS) >= 1 && Number(LISTEN_PID) === process.pid) return FIRST_PASSED;
  return isListening(0) ? 0 : undefined;
}

async function serve(application: Application, fd: number, options: RunOptions): Promise<void> {
  const { RUN_WITH_CGI_PROTOCOL, RUN_WITH_CGI_SCRIPT_NAME, RUN_WITH_CGI_GRACE = '0' } = process.env;
  const { protocol = protocolOf(RUN_WITH_CGI_PROTOCOL), maxBodySize, timeout, env } = options;
  const { scriptName = RUN_WITH_CGI_SCRIPT_NAME, grace = secondsOf('RUN_WITH_CGI_GRACE', RUN_WITH_CGI_GRACE) } = options;
  const { serveUntilStopped } = await import('./workers/serve-until-stopped.ts');
  const settings = {
    fd,
    grace,
    ...(scriptName !== undefined && { scriptName }),
    ...(maxBodySize !== undefined && { maxBodySize }),
    ...(timeout !== undefined && { timeout }),
    ...(env && { env }),
  };
  // Standard output is not reserved, because the responses of a server go to sockets.
  const life = { name: protocol };
  if (protocol === 'scgi') {
    const { serveScgi } = await import('./scgi/index.ts');
    process.exit(await serveUntilStopped(application, (counted) => serveScgi(counted, settings), life));
  }
  const { serveFastCgi } = await import('./fastcgi/index.ts');
  process.exit(await serveUntilStopped(application, (counted) => serveFastCgi(counted, settings), life));
}

function protocolOf(text = 'fastcgi'): 'fastcgi' | 'scgi' {
  if (text === 'fastcgi' || text === 'scgi') return text;
  throw new ApplicationError('variable-malformed', `RUN_WITH_CGI_PROTOCOL must be fastcgi or scgi, got ${show(text)}`);
}
