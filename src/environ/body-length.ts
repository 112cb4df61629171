// The length of the request body, as the server announces it. Servers differ most in what they do with chunked bodies.

import { RequestError } from '../errors.ts';
import { show } from '../show.ts';

/**
 * Servers that decode a chunked request body and close the pipe at its end, without a CONTENT_LENGTH. Elsewhere a chunked body
 * cannot be read: busybox and Python pass on the raw framing of what has arrived, uwsgi passes on nothing, and none of these
 * three closes the pipe.
 */
const DECODES_CHUNKED = /^(?:Apache|lighttpd|nginx|Caddy|CivetWeb|h2o|LiteSpeed)\b/i;

/**
 * Returns the length of the request body in bytes; Infinity if the body lasts until the input ends. Throws a `RequestError`:
 * 400 for a CONTENT_LENGTH that is not digits, 411 for a chunked body that this server does not decode. RFC 3875 §4.1.2
 */
export function bodyLength(variables: Readonly<Record<string, unknown>>): number {
  const { CONTENT_LENGTH: text = '', HTTP_TRANSFER_ENCODING: coding = '', SERVER_SOFTWARE: server = '' } = variables;
  if (text !== '') {
    // Some servers pass on " 5", "+5", "5x" and "5, 5" as the client sent them.
    // A number of 400 digits is too large, and not Infinity.
    if (typeof text === 'string' && /^[0-9]+$/.test(text)) return Math.min(Number(text), Number.MAX_VALUE);
    throw new RequestError('content-length-not-a-number', `CONTENT_LENGTH must be digits, got ${show(text)}`, 400);
  }
  if (coding === '' || !/\bchunked\s*$/i.test(String(coding))) return 0;
  if (DECODES_CHUNKED.test(String(server))) return Infinity;
  throw new RequestError(
    'body-of-unknown-length',
    `A chunked request body cannot be read under SERVER_SOFTWARE ${show(server)}; the client must send Content-Length`,
    411,
  );
}

/** Whether `environ` announces a body, by a length above 0 or by a transfer coding. RFC 9112 §6.3 */
export function hasBody(environ: Readonly<Record<string, unknown>>): boolean {
  const { CONTENT_LENGTH: length = '', HTTP_TRANSFER_ENCODING: coding = '' } = environ;
  return length === '' ? coding !== '' : Number(length) > 0;
}

/** Throws `bodyTooLarge()` if an announced `length`, in bytes, is above `limit` or too large for a number to count. */
export function checkBodySize(length: number, limit: number): void {
  if (length === Infinity || (length <= limit && Number.isSafeInteger(length))) return;
  throw bodyTooLarge(limit, length);
}

/** Returns the error, 413, for a body above `limit` bytes. `announced` is its length, if that is known before the body is read. */
export function bodyTooLarge(limit: number, announced?: number): RequestError {
  const excess = announced === undefined ? 'is longer' : `of ${announced} bytes is larger`;
  return new RequestError('body-too-large', `The request body ${excess} than maxBodySize, ${limit} bytes`, 413);
}
