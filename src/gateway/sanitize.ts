// What node:http, the Fetch standard and other servers allow in the head of a response, made what a gateway takes.

import type { Header } from '../types.ts';
import { isHopByHop } from './hop-by-hop.ts';

/** Returns a reason without tabs, and without space at its ends; `otherwise` where nothing is left. */
export function sanitizeReason(reason: string, otherwise: string): string {
  return reason.replaceAll('\t', ' ').trim() || otherwise;
}

/**
 * Returns `headers` without those that are the web server's, without a `Status`, which somebody relays from a CGI script,
 * and with spaces for tabs. Of two types or places the last counts, as it does of a CGI program's.
 */
export function sanitizeHeaders(headers: readonly Header[]): Header[] {
  const acceptable: Header[] = [];
  const once: string[] = [];
  for (const [name, value] of headers.toReversed()) {
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'status' || isHopByHop(name) || once.includes(lowerCase)) continue;
    if (lowerCase === 'content-type' || lowerCase === 'location') once.push(lowerCase);
    acceptable.push([name, value.replaceAll('\t', ' ')]);
  }
  return acceptable.reverse();
}
