// Why a program did not start, or ended before it could say anything: the usual reasons, in words that
// tell how to mend it. Systems report most of them as "no such file".

import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs';

/** Returns what is wrong with the program at `path` (a byte string), of "it"; undefined when it looks right. */
export function diagnose(path: string): string | undefined {
  const file = Buffer.from(path, 'latin1');
  if (!may(constants.F_OK, file)) return 'there is no such file';
  if (!may(constants.X_OK, file)) return 'it is not executable; make it so by chmod +x';
  if (!may(constants.R_OK, file)) return undefined;
  const [line = ''] = beginning(file).split('\n');
  if (line.startsWith('\x7fELF')) return undefined;
  if (line.startsWith('\xef\xbb\xbf')) return 'it begins with a byte order mark, which hides its #! line; save it without one';
  if (!line.startsWith('#!')) return 'its first line is no #! line that names an interpreter';
  if (line.endsWith('\r')) return 'its #! line ends in CRLF, and there is no interpreter of that name; save it with LF as line end';
  const [interpreter = '', word = ''] = line
    .slice(2)
    .trim()
    .split(/[ \t]+/);
  if (!may(constants.X_OK, Buffer.from(interpreter, 'latin1'))) return `the interpreter of its #! line, ${interpreter}, is not there`;
  if (interpreter.endsWith('/env'))
    return `${word} may not be in its PATH, where its #! line looks for it; give it a PATH by the option env`;
  return undefined;
}

function may(mode: number, path: Buffer): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

function beginning(path: Buffer): string {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(256);
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, 256, 0));
  } finally {
    closeSync(file);
  }
}
