// Checks the status and the headers that startResponse() gets, by the rules of PEP 3333 and RFC 3875. No status or header that
// passes can split or garble the head of a response. The checks are loops, not patterns: a process that lives for one request
// pays for compiling each pattern, and that takes longer than all the checks together.

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
 * Returns a copy of `headers`, which the application can no longer change after the checks. Throws an `ApplicationError` for a
 * header that no gateway may pass on. PEP 3333 #49 to #55
 */
export function checkHeaders(headers: unknown): Header[] {
  if (!Array.isArray(headers)) {
    const advice = typeof headers === 'object' && headers !== null && Symbol.iterator in headers ? '; make it [...headers]' : '';
    throw new ApplicationError('headers-not-a-list', `Headers must be an array of [name, value] pairs, got ${show(headers)}${advice}`);
  }
  const checked: Header[] = [];
  const seen: string[] = [];
  for (const pair of headers as unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new ApplicationError('headers-not-a-list', `A header must be a [name, value] pair, got ${show(pair)}`);
    }
    checkHeader(pair);
    const [name, value] = pair;
    checkSpecialHeader(name, value, seen);
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

/**
 * Checks the headers that a web server acts on. Each may come once: two Content-Lengths, for instance, would be request
 * smuggling. `seen` holds the names of those that have come, and gets this one. RFC 3875 §6.3
 */
function checkSpecialHeader(name: string, value: string, seen: string[]): void {
  const lowerCase = name.toLowerCase();
  switch (lowerCase) {
    case 'status':
      throw new ApplicationError('header-status', 'Status cannot be a header; it is the first argument of startResponse()');
    case 'content-length':
      if (!isDigits(value)) {
        throw new ApplicationError('content-length-malformed', `Content-Length must be digits, got ${show(value)}`);
      }
      break;
    // May be relative, as in RFC 9110 §10.2.2. RFC 3875 #27 asks for an absolute one, but every server passes on both.
    case 'location':
    case 'content-type':
      break;
    default:
      return;
  }
  if (seen.includes(lowerCase)) {
    throw new ApplicationError('header-duplicate', `${name} can be set only once; its second value is ${show(value)}`);
  }
  seen.push(lowerCase);
}

/**
 * Whether `status` is a final status and a reason: three digits from 200 on, one space, and printable text that neither begins
 * nor ends in a space. A status 1xx is an interim response, which a CGI server cannot pass on.
 */
function isStatus(status: string): boolean {
  return (
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

/** Whether `text` is a token, as the name of a header or a method is: RFC 9110 §5.6.2. */
export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
    if (!isLetter && !(code >= 48 && code <= 57) && !"-!#$%&'*+.^_`|~".includes(text.charAt(at))) return false;
  }
  return text.length > 0;
}

/** Whether `text` is ISO-8859-1 without control characters, tabs included. PEP 3333 #51 */
function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 32 || code === 127 || code > 255) return false;
  }
  return true;
}
