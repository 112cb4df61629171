// Makes the head of a response from node:http, from Fetch or from another server acceptable to a gateway, which is stricter.

import type { Header } from '../types.ts';
import { isHopByHop } from './hop-by-hop.ts';

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
