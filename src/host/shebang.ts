// The #! line of a script: the interpreter that the system starts for it, and the program that reads the script in the end.

import { closeSync, openSync, readSync } from 'node:fs';

/** Bytes of a file that Linux looks at for the #! line. */
const START = 256;

/** A #! line. All texts are byte strings. */
export interface Shebang {
  /** The path of the interpreter, then its arguments: "/usr/bin/env", "-S", "python3", "-u". */
  words: string[];
  /** The name of the program that reads the script: "python3". It is "" where the line names none. */
  program: string;
  /** Whether the line ends in CRLF. The system takes the CR for a part of the last word. */
  endsInCrlf: boolean;
}

/** Returns the first 256 bytes of the file `path` as a byte string. Throws an error of node:fs where this process may not read it. */
export function readStart(path: string | Buffer): string {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(START);
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, START, 0));
  } finally {
    closeSync(file);
  }
}

/** Returns the #! line with which a file starts; undefined if it starts with anything else. */
export function parseShebang(start: string): Shebang | undefined {
  if (!start.startsWith('#!')) return undefined;
  const [line = ''] = start.slice(2).split('\n');
  const words = line.match(/[^ \t\r]+/g) ?? [];
  const [interpreter = '', ...rest] = words;
  const name = interpreter.slice(interpreter.lastIndexOf('/') + 1);
  // The options and assignments of env stand before the program, but "-Sprogram" holds both.
  const args = rest[0]?.startsWith('-S') ? [rest[0].slice(2), ...rest.slice(1)] : rest;
  const program = name === 'env' ? (args.find((word) => word !== '' && !word.startsWith('-') && !word.includes('=')) ?? '') : name;
  return { words, program, endsInCrlf: line.endsWith('\r') };
}
