// A folder of CGI programs as one application: the path names the program.

import { resolve } from 'node:path';
import type { ApplicationFunction, Environ } from '../types.ts';
import type { Destination } from './answer.ts';
import { findFile, may } from './find.ts';
import { type CgiScriptOptions, host, settingsOf, toBytes } from './script.ts';

/**
 * Returns an application that runs the executable files in `directory` and the folders below it, as
 * `cgiScript` would: for PATH_INFO "/a/hello.cgi/b" the program a/hello.cgi with PATH_INFO "/b", and with
 * "/a/hello.cgi" added to SCRIPT_NAME. With an `interpreter`, every file is a program.
 *
 * Answers 404 for what is not there, whose name or folder begins with a dot, or that is a link out of the
 * folder, and 403 for a file that may not be executed. A program that answers with the path of another one
 * in Location, and nothing else, is answered by that one; five times in a row at most.
 */
export function cgiBin(directory: string, options: CgiScriptOptions = {}): ApplicationFunction {
  const settings = settingsOf(options);
  const folder = toBytes(resolve(directory)).replace(/\/$/, '');
  const need = settings.interpreter.length > 0 ? 'read' : 'execute';

  const find = async (environ: Environ): Promise<Destination> => {
    const found = await findFile(folder, environ.PATH_INFO);
    if (found === undefined) return '404 Not Found';
    const { path, name, pathInfo } = found;
    if (!(await may(need, path))) {
      const mend = need === 'read' ? 'this user cannot read it' : 'it is not executable; make it so by chmod +x';
      environ['wsgi.errors'].write(`The CGI program ${Buffer.from(path, 'latin1')} is refused: ${mend}\n`);
      return '403 Forbidden';
    }
    const { PATH_TRANSLATED: _, ...request } = environ; // it is that of another PATH_INFO
    return { path, environ: { ...request, SCRIPT_NAME: environ.SCRIPT_NAME + name, PATH_INFO: pathInfo } as Environ };
  };
  return host({ ...settings, find, followsRedirects: true });
}
