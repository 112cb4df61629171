// run-with-cgi/fastcgi: serves an application by FastCGI, from a process that stays and answers request after request.

import type { Server, Socket } from 'node:net';
import { type ResidentOptions, settingsOf } from '../resident/options.ts';
import { ResidentServer } from '../resident/server.ts';
import type { Application } from '../types.ts';
import { FastCgiConnection } from './connection.ts';

export type { Log } from '../gateway/error-stream.ts';
export type { ListenOptions } from '../resident/listen.ts';
export type { ResidentOptions } from '../resident/options.ts';

export interface FastCgiOptions extends ResidentOptions {
  /** While this many requests run on one connection, further ones are refused with FCGI_OVERLOADED. Default: 100. */
  maxRequests?: number;
}

/**
 * Returns a server that speaks FastCGI 1.0 as a responder, and calls `application` for each request, many at a time. It
 * listens on `socket`, `port` or `fd`; by default on descriptor 0, where a web server or spawn-fcgi puts its socket (§2.2).
 * A request body arrives whole before the call: up to 1 MiB in memory, the rest in a temporary file. `wsgi.errors` goes to
 * the web server. `server.close()` stops it gracefully: it answers the requests that run, and closes idle connections.
 *
 * Throws an `ApplicationError` when `application` is none, and a `TypeError` when options name two places to listen.
 */
export function serveFastCgi(application: Application, options: FastCgiOptions = {}): Server {
  const settings = settingsOf('fastcgi', application, options);
  const { maxRequests = 100, socket, port, fd } = options;
  const place = socket === undefined && port === undefined && fd === undefined ? { fd: 0 } : options;
  const webServers = webServerAddresses(process.env.FCGI_WEB_SERVER_ADDRS);
  return new ResidentServer(place, settings, (peer) => {
    if (!mayConnect(peer, webServers)) {
      settings.errors.write(`fastcgi: ${peer.remoteAddress} is not in FCGI_WEB_SERVER_ADDRS; the connection is closed\n`);
      return undefined;
    }
    return new FastCgiConnection(peer, settings, maxRequests);
  });
}

/** Returns the addresses that may connect; undefined if all may. §3.2 */
function webServerAddresses(list: string | undefined): Set<string> | undefined {
  if (!list) return undefined;
  return new Set(list.split(',').map((address) => address.trim()));
}

/** Whether `peer` may connect. On a Unix socket it has no address, and the permissions decide. */
function mayConnect({ remoteAddress }: Socket, webServers: Set<string> | undefined): boolean {
  return webServers === undefined || remoteAddress === undefined || webServers.has(remoteAddress.replace(/^::ffff:/, ''));
}
