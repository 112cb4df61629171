// Fills in the text of `request --write-out`: curl's variables, as "%{http_code}", and headers, as "%header{etag}".

import type { Header } from '../types.ts';

/** Values by the names of the variables; undefined for a value that is not known. */
export type WriteOutVariables = Readonly<Record<string, string | number | undefined>>;

const PART = /%%|%\{([^}]*)\}|%header\{([^}]*)\}|\\([nrt])/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Returns `format` with its variables and headers filled in; both are byte strings. Calls `onUnknown` with the name of each unknown variable. */
export function writeOut(
  format: string,
  variables: WriteOutVariables,
  headers: readonly Header[],
  onUnknown: (name: string) => void,
): string {
  return format.replace(PART, (_part, name?: string, header?: string, letter?: string) => {
    if (letter !== undefined) return ESCAPES[letter] ?? '';
    if (header !== undefined) return headers.find(([one]) => one.toLowerCase() === header.toLowerCase())?.[1] ?? '';
    if (name === undefined) return '%';
    if (Object.hasOwn(variables, name)) return String(variables[name] ?? '');
    onUnknown(name);
    return '';
  });
}

/** Returns milliseconds as curl prints times: in seconds, with six decimals. */
export function inSeconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(6);
}
