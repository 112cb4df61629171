// run-with-cgi/fastcgi: an application as a FastCGI server, which stays and answers request after request.

import type { Server, Socket } from 'node:net';
import { makeGateway, type ResidentOptions } from '../resident/options.ts';
import { ResidentServer } from '../resident/server.ts';
import type { Application } from '../types.ts';
import { FastCgiConnection } from './connection.ts';

export type { Log } from '../gateway/error-stream.ts';
export type { ListenOptions } from '../resident/listen.ts';
export type { ResidentOptions } from '../resident/options.ts';

export interface FastCgiOptions extends ResidentOptions {
  /** Requests at the same time on one connection, above which further ones are refused as FCGI_OVERLOADED. Default: 100. */
  maxRequests?: number;
}

/**
 * Returns a server that speaks FastCGI 1.0 as a responder, and calls `application` for each request, many at a
 * time. It listens on `socket`, `port` or `fd`: on descriptor 0, as a web server or spawn-fcgi leaves it (§2.2),
 * where none is given. Bodies arrive whole before the call: in memory up to 1 MiB, then in a temporary file.
 * `wsgi.errors` goes to the web server. `server.close()` stops it gracefully: what runs is finished, what is idle
 * is closed. Throws an `ApplicationError` when `application` is none, and a `TypeError` for two places to listen.
 */
export function serveFastCgi(application: Application, options: FastCgiOptions = {}): Server {
  const gateway = makeGateway('fastcgi', application, options);
  const { maxRequests = 100, socket, port, fd } = options;
  const place = socket === undefined && port === undefined && fd === undefined ? { fd: 0 } : options;
  const peers = webServers(process.env.FCGI_WEB_SERVER_ADDRS);
  return new ResidentServer(place, gateway, (peer) => {
    if (!isAllowed(peer, peers)) {
      gateway.errors.write(`fastcgi: ${peer.remoteAddress} is not in FCGI_WEB_SERVER_ADDRS; the connection is closed\n`);
      return undefined;
    }
    return new FastCgiConnection(peer, gateway, maxRequests);
  });
}

/** §3.2: the addresses that may connect; undefined for any. */
function webServers(list: string | undefined): Set<string> | undefined {
  if (!list) return undefined;
  return new Set(list.split(',').map((address) => address.trim()));
}

/** A Unix socket has permissions instead of addresses. */
function isAllowed({ remoteAddress }: Socket, peers: Set<string> | undefined): boolean {
  return peers === undefined || remoteAddress === undefined || peers.has(remoteAddress.replace(/^::ffff:/, ''));
}
