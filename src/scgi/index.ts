// run-with-cgi/scgi: an application as an SCGI server, which stays and answers request after request.

import type { Server } from 'node:net';
import { makeGateway, type ResidentOptions } from '../resident/options.ts';
import { ResidentServer } from '../resident/server.ts';
import type { Application } from '../types.ts';
import { ScgiConnection } from './connection.ts';

export type { Log } from '../gateway/error-stream.ts';
export type { ListenOptions } from '../resident/listen.ts';
export type { ResidentOptions } from '../resident/options.ts';

export interface ScgiOptions extends ResidentOptions {}

/**
 * Returns a server that speaks SCGI, and calls `application` for each request, many at a time. It listens on
 * `socket`, `port` or `fd`. Bodies arrive whole before the call: in memory up to 1 MiB, then in a temporary file.
 * `server.close()` stops it gracefully: what runs is finished, what is idle is closed. Throws an
 * `ApplicationError` when `application` is none, and a `TypeError` for no place to listen, or two.
 */
export function serveScgi(application: Application, options: ScgiOptions): Server {
  const gateway = makeGateway('scgi', application, options);
  return new ResidentServer(options, gateway, (peer) => new ScgiConnection(peer, gateway));
}
