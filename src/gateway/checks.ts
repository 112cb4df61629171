// What startResponse() accepts: the rules of PEP 3333 and RFC 3875 on the status and the headers, on
// the application's side of the wire. Nothing that passes here can split or garble a response head.
// Loops stand where one would expect patterns: a process that lives for one request pays for
// compiling each pattern, which takes longer than all the checks.

import { ApplicationError } from '../errors.ts';
import { show } from '../show.ts';
import type { Header } from '../types.ts';
import { isHopByHop } from './hop-by-hop.ts';

/** Throws an `ApplicationError` unless `status` is three digits from 200 to 999, one space and a reason. PEP 3333 #48, #52 */
export function checkStatus(status: unknown): asserts status is string {
  if (typeof status === 'string' && isStatus(status)) return;
  const isInterim = typeof status === 'string' && /^1\d\d /.test(status);
  throw new ApplicationError(
    'status-malformed',
    isInterim
      ? `Status cannot be interim, got ${show(status)}; a gateway sends one final response`
      : `Status must be three digits, one space and a reason in ISO-8859-1, like "200 OK", got ${show(status)}`,
  );
}

/**
 * Returns a copy of `headers`, so that what was checked is what is sent. Throws an `ApplicationError`
 * for a header that no gateway may pass on. PEP 3333 #49 to #55
 */
export function checkHeaders(headers: unknown): Header[] {
  if (!Array.isArray(headers)) {
    const mend = typeof headers === 'object' && headers !== null && Symbol.iterator in headers ? '; make it [...headers]' : '';
    throw new ApplicationError('headers-not-a-list', `Headers must be an array of [name, value] pairs, got ${show(headers)}${mend}`);
  }
  const checked: Header[] = [];
  const once: string[] = [];
  for (const pair of headers as unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new ApplicationError('headers-not-a-list', `A header must be a [name, value] pair, got ${show(pair)}`);
    }
    checkHeader(pair);
    const [name, value] = pair;
    checkMeaning(name, value, once);
    checked.push([name, value]);
  }
  return checked;
}

/** Throws an `ApplicationError` unless `header` has a name and a value that a response may carry. PEP 3333 #50 to #52, #55 */
export function checkHeader(header: unknown[]): asserts header is Header {
  const [name, value] = header;
  if (typeof name !== 'string' || !isToken(name)) {
    throw new ApplicationError('header-name', `A header's name must be a token of RFC 9110 without ":", got ${show(name)}`);
  }
  if (isHopByHop(name)) {
    throw new ApplicationError(
      'header-hop-by-hop',
      `Hop-by-hop header "${name}" is not allowed; the connection is the web server's, leave the header out`,
    );
  }
  if (typeof value === 'string' && isPrintable(value)) return;
  const rule =
    typeof value !== 'string'
      ? 'must be a string'
      : /[^\0-\xff]/.test(value)
        ? 'must fit ISO-8859-1; encode other characters, for instance as RFC 8187 says'
        : 'cannot hold control characters';
  throw new ApplicationError('header-value', `The value of ${name} ${rule}, got ${show(value)}`);
}

/** RFC 3875 §6.3: what the headers that a web server acts on may say, each at most once. */
function checkMeaning(name: string, value: string, once: string[]): void {
  const lowerCase = name.toLowerCase();
  switch (lowerCase) {
    case 'status':
      throw new ApplicationError('header-status', 'Status cannot be a header; it is the first argument of startResponse()');
    case 'content-length':
      if (!isDigits(value)) {
        throw new ApplicationError('content-length-malformed', `Content-Length must be digits, got ${show(value)}`);
      }
      break;
    // A relative one is a Location, too: RFC 9110 §10.2.2. RFC 3875 #27 knows none, but every server passes it on beside a Status.
    case 'location':
    case 'content-type':
      break;
    default:
      return;
  }
  // Two Content-Lengths would be request smuggling, too.
  if (once.includes(lowerCase)) {
    throw new ApplicationError('header-duplicate', `${name} can be set only once; its second value is ${show(value)}`);
  }
  once.push(lowerCase);
}

/** 1xx is an interim response, which no CGI server can pass on. */
function isStatus(status: string): boolean {
  return (
    status.length > 4 &&
    isDigits(status.slice(0, 3)) &&
    status.charAt(0) > '1' &&
    status.charAt(3) === ' ' &&
    status.charAt(4) !== ' ' &&
    !status.endsWith(' ') &&
    isPrintable(status)
  );
}

function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return text.length > 0;
}

/** RFC 9110 §5.6.2 */
export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
    if (!isLetter && !(code >= 48 && code <= 57) && !"-!#$%&'*+.^_`|~".includes(text.charAt(at))) return false;
  }
  return text.length > 0;
}

/** ISO-8859-1 without C0 controls, of which HTAB is one, and without DEL. PEP 3333 #51 */
function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 32 || code === 127 || code > 255) return false;
  }
  return true;
}
