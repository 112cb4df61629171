// Joins headers of one name, for which environ has one variable.

/**
 * Returns the value of `variable` for a header that came twice, with `earlier` and `later`: a list with ", " between its
 * members (RFC 9110 §5.3), but cookies with "; " (RFC 6265 §5.4).
 */
export function joinRepeated(variable: string, earlier: unknown, later: string): string {
  return `${earlier}${variable === 'HTTP_COOKIE' ? '; ' : ', '}${later}`;
}
