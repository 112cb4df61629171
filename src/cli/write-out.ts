// What `request --write-out` says when all is over: curl's variables, "%{http_code}", and headers, "%header{etag}".

import type { Header } from '../types.ts';

/** By their names: numbers, text, and nothing for what is not known. */
export type Variables = Readonly<Record<string, string | number | undefined>>;

const PART = /%%|%\{([^}]*)\}|%header\{([^}]*)\}|\\([nrt])/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Returns what `format` stands for, both byte strings; `onUnknown` is told the name of a variable that there is not. */
export function writeOut(format: string, variables: Variables, headers: readonly Header[], onUnknown: (name: string) => void): string {
  return format.replace(PART, (_part, name?: string, header?: string, letter?: string) => {
    if (letter !== undefined) return ESCAPES[letter] ?? '';
    if (header !== undefined) return headers.find(([one]) => one.toLowerCase() === header.toLowerCase())?.[1] ?? '';
    if (name === undefined) return '%';
    if (Object.hasOwn(variables, name)) return String(variables[name] ?? '');
    onUnknown(name);
    return '';
  });
}

/** As curl has them: seconds with six digits behind the point. */
export function inSeconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(6);
}
