// run-with-cgi/scgi: serves an application by SCGI, from a process that stays and answers request after request.

import type { Server } from 'node:net';
import { type ResidentOptions, settingsOf } from '../resident/options.ts';
import { ResidentServer } from '../resident/server.ts';
import type { Application } from '../types.ts';
import { ScgiConnection } from './connection.ts';

export type { Log } from '../gateway/error-stream.ts';
export type { ListenOptions } from '../resident/listen.ts';
export type { ResidentOptions } from '../resident/options.ts';

export interface ScgiOptions extends ResidentOptions {}

/**
 * Returns a server that speaks SCGI, and calls `application` for each request, many at a time. It listens on `socket`, `port`
 * or `fd`. A request body arrives whole before the call: up to 1 MiB in memory, the rest in a temporary file.
 * `server.close()` stops it gracefully: it answers the requests that run, and closes idle connections.
 *
 * Throws an `ApplicationError` when `application` is none, and a `TypeError` when options name no place to listen, or two.
 */
export function serveScgi(application: Application, options: ScgiOptions): Server {
  const settings = settingsOf('scgi', application, options);
  return new ResidentServer(options, settings, (socket) => new ScgiConnection(socket, settings));
}
