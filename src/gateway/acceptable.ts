// What node:http, the Fetch standard and other servers allow in the head of a response, made what a gateway takes.

import type { Header } from '../types.ts';
import { isHopByHop } from './hop-by-hop.ts';

/** Returns a reason without tabs, and without space at its ends; `otherwise` where nothing is left. */
export function acceptableReason(reason: string, otherwise: string): string {
  return reason.replaceAll('\t', ' ').trim() || otherwise;
}

/**
 * Returns `headers` without those that are the web server's, without a `Status`, which somebody relays from a CGI script,
 * and with spaces for tabs.
 */
export function acceptableHeaders(headers: readonly Header[]): Header[] {
  return headers
    .filter(([name]) => !isHopByHop(name) && name.toLowerCase() !== 'status')
    .map(([name, value]) => [name, value.replaceAll('\t', ' ')]);
}
