// Finds out why a CGI program did not start, or ended without output, and tells how to mend it. The system reports most of the
// usual reasons as "no such file".

import { accessSync, constants } from 'node:fs';
import { parseShebang, readStart } from './shebang.ts';

/** Returns what is wrong with the program at `path`, a byte string, as a clause about "it"; undefined if nothing is found. */
export function diagnose(path: string): string | undefined {
  const file = Buffer.from(path, 'latin1');
  if (!hasAccess(constants.F_OK, file)) return 'there is no such file';
  if (!hasAccess(constants.X_OK, file)) return 'it is not executable; run chmod +x on it';
  if (!hasAccess(constants.R_OK, file)) return undefined;
  const start = readStart(file);
  if (start.startsWith('\x7fELF')) return undefined;
  if (start.startsWith('\xef\xbb\xbf')) return 'it begins with a byte order mark, which hides its #! line; save it without one';
  const shebang = parseShebang(start);
  if (!shebang) return 'its first line is no #! line that names an interpreter';
  if (shebang.endsInCrlf) return 'its #! line ends in CRLF, and there is no interpreter of that name; save it with LF as line end';
  const [interpreter = '', ...words] = shebang.words;
  if (!hasAccess(constants.X_OK, Buffer.from(interpreter, 'latin1')))
    return `the interpreter of its #! line, ${interpreter}, does not exist`;
  if (!interpreter.endsWith('/env')) return undefined;
  // Linux gives env all words as one argument, which only -S splits again.
  const name = words[0]?.startsWith('-S') ? shebang.program : words.join(' ');
  return `${name} may not be in its PATH, where its #! line looks for it; give it a PATH by the option env`;
}

function hasAccess(mode: number, path: Buffer): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
