// The worker of a warm script: a FastCGI server, to which the cgi-fcgi and Perl processes of one user connect. It ends after some time
// without a request, and when another version of the script or another worker has taken its place.

import { setTimeout as sleep } from 'node:timers/promises';
import type { RunWithCgiOptions } from '../cgi/run-with-cgi.ts';
import { serveFastCgi } from '../fastcgi/index.ts';
import { fs } from '../fs.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { ResidentServer } from '../resident/server.ts';
import { secondsOf } from '../timer.ts';
import type { Application } from '../types.ts';
import { DRAIN, onUncaught } from '../workers/uncaught.ts';
import { removeLeftovers } from './leftovers.ts';
import { limitLog } from './start.ts';
import { identity, WorkerSocket } from './worker-socket.ts';

/** Milliseconds between two checks whether it is time to end. */
const CHECK_INTERVAL = 2_000;
/** Milliseconds for which an ending worker still accepts connections: a shell or Perl may have found it just before. */
const GRACE = 1_000;
/** Seconds without a request after which the worker ends; RUN_WITH_CGI_IDLE_EXIT overrides it. */
const IDLE_EXIT = '300';

/** Serves `application` at the socket `path` until it is time to end; then ends the process. */
export function runWorker(application: Application, { maxBodySize, timeout, env }: RunWithCgiOptions, path: string): void {
  const script = process.argv[1] ?? '';
  const version = identity(script);
  const idleExit = secondsOf('RUN_WITH_CGI_IDLE_EXIT', process.env.RUN_WITH_CGI_IDLE_EXIT || IDLE_EXIT);

  const place = new WorkerSocket(path);
  const server = serveFastCgi(application, {
    socket: place.firstPath,
    mode: 0o600,
    ...(maxBodySize !== undefined && { maxBodySize }),
    ...(timeout !== undefined && { timeout }),
    ...(env && { env }),
  });
  // Each request has a connection of its own.
  let openConnections = 0;
  let idleSince = Date.now();
  server.on('connection', (socket) => {
    openConnections++;
    socket.on('close', () => {
      openConnections--;
      idleSince = Date.now();
    });
  });
  server.on('listening', () => {
    server.on('error', (error) => errors.write(formatFailure('warm', error))); // a connection could not be accepted
    place.take();
    removeLeftovers(place.folder, place.name);
  });
  server.on('close', async () => {
    // An application may work on after its response.
    if (server instanceof ResidentServer) await Promise.race([server.exchangesOver(), sleep(DRAIN)]);
    // A log with text in it stays, for somebody to read. That of an older version of the script goes.
    const isLogUseless = identity(script) !== version || fs.fstatSync(2).size === 0;
    if (isLogUseless && !place.isOccupied) fs.rmSync(`${path}.log`, { force: true });
    process.exit(status);
  });

  const end = () => {
    clearInterval(timer);
    place.hide();
    setTimeout(() => {
      place.remove();
      server.close();
    }, GRACE);
  };
  const timer = setInterval(() => {
    const isUnused = openConnections === 0 && Date.now() - idleSince >= idleExit;
    if (isUnused || !place.isOurs || identity(script) !== version) end();
    limitLog(2);
  }, CHECK_INTERVAL);
  let status = 0;
  const errors = errorStream(process.stderr);
  onUncaught({
    name: 'warm',
    errors,
    deadline: GRACE + DRAIN,
    leave() {
      status = 1;
      end();
      setTimeout(() => process.exit(status), GRACE + DRAIN);
    },
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, end);
}
