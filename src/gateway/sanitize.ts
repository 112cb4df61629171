// Makes the head of a response from node:http, from Fetch or from another server acceptable to a gateway, which is stricter.

import type { Header } from '../types.ts';
import { isHopByHop } from './hop-by-hop.ts';

/** Returns the pairs in `rawHeaders`, in which node:http puts each value behind its name. */
export function pairHeaders(rawHeaders: readonly string[]): Header[] {
  const pairs: Header[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    pairs.push([name, value]);
  }
  return pairs;
}

/** Returns `reason` with spaces for tabs and without space at its ends. Returns `fallback` if that leaves nothing. */
export function sanitizeReason(reason: string, fallback: string): string {
  return reason.replaceAll('\t', ' ').trim() || fallback;
}

/**
 * Returns `headers` without hop-by-hop headers and without `Status`, which applications relay from CGI scripts. Tabs in
 * values become spaces. Of several `Content-Type` or `Location` headers the last one stays, as servers do with a CGI script's.
 */
export function sanitizeHeaders(headers: readonly Header[]): Header[] {
  const sanitized: Header[] = [];
  const seen: string[] = [];
  for (const [name, value] of headers.toReversed()) {
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'status' || isHopByHop(name) || seen.includes(lowerCase)) continue;
    if (lowerCase === 'content-type' || lowerCase === 'location') seen.push(lowerCase);
    sanitized.push([name, value.replaceAll('\t', ' ')]);
  }
  return sanitized.reverse();
}
