// A PEP 3333 application as a listener of node:http, for a server or a framework that takes one.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { announcedLength } from '../server/request.ts';
import { ApplicationServer, type ServerOptions } from '../server/server.ts';
import type { Application } from '../types.ts';

/**
 * Returns `application` as a listener `(req, res)`, for `http.createServer()` or `app.use()` of Express. Below a mount path of
 * Express, that path is SCRIPT_NAME. Options are those of `makeServer`, but there is no access log unless one is given.
 *
 * Throws an `ApplicationError` when `application` is none. The listener throws a `TypeError` when the request body has been
 * read already, as by a body parser that comes before it.
 */
export function toNode(
  application: Application,
  options: ServerOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const server = new ApplicationServer('', application, { accessLog: false, ...options });
  return (request, response) => {
    if (request.readableEnded && announcedLength(request) !== undefined) {
      throw new TypeError('The request body has been read already, by a body parser perhaps: the application must come before it');
    }
    server.emit('request', request, response);
  };
}
