// How long the request body is, by what the server told us. Servers differ most for chunked requests.

import { RequestError } from '../errors.ts';
import { show } from '../show.ts';

/**
 * Servers that take chunked framing off a request body and close the pipe after it, without a
 * CONTENT_LENGTH. busybox and python pass the raw framing of what has arrived, uwsgi nothing, and
 * none of these three closes the pipe: there a chunked body cannot be read at all.
 */
const UNCHUNKS = /^(?:Apache|lighttpd|nginx|Caddy|CivetWeb|h2o|LiteSpeed)\b/i;

/**
 * Returns the body's length in bytes, or Infinity when it lasts until the input ends. Throws a
 * `RequestError`: 400 for a CONTENT_LENGTH that is not digits, and 411 for a chunked body that this
 * server does not pass on readably. RFC 3875 §4.1.2
 */
export function bodyLength(variables: Readonly<Record<string, unknown>>): number {
  const { CONTENT_LENGTH: text = '', HTTP_TRANSFER_ENCODING: coding = '', SERVER_SOFTWARE: server = '' } = variables;
  if (text !== '') {
    // An empty value is none, but " 5", "+5", "5x" and "5, 5" arrive as they are under some servers.
    if (typeof text === 'string' && /^[0-9]+$/.test(text)) return Number(text);
    throw new RequestError('content-length-not-a-number', `CONTENT_LENGTH must be digits, got ${show(text)}`, 400);
  }
  if (coding === '' || !/\bchunked\s*$/i.test(String(coding))) return 0;
  if (UNCHUNKS.test(String(server))) return Infinity;
  throw new RequestError(
    'body-of-unknown-length',
    `A chunked request body cannot be read under SERVER_SOFTWARE ${show(server)}; the client must send Content-Length`,
    411,
  );
}

/** Throws a `RequestError`, 413, when a body of `length` bytes is above `limit`, or above what a number can count. */
export function checkBodySize(length: number, limit: number): void {
  if (length === Infinity || (length <= limit && Number.isSafeInteger(length))) return;
  throw new RequestError('body-too-large', `The request body of ${length} bytes is larger than maxBodySize, ${limit} bytes`, 413);
}
