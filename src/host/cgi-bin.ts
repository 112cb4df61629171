// cgiBin(): a folder of CGI programs as one application. The URL path names the program.

import { resolve } from 'node:path';
import { decodeUtf8, encodeUtf8 } from '../environ/byte-string.ts';
import type { ApplicationFunction, Environ } from '../types.ts';
import { findFile, hasAccess } from './find.ts';
import type { Destination } from './response.ts';
import { type CgiScriptOptions, programSettings, runPrograms } from './script.ts';

/**
 * Returns an application that runs the executable files in `directory` and the folders below it as `cgiScript` does. For
 * PATH_INFO "/a/hello.cgi/b" it runs a/hello.cgi with PATH_INFO "/b", and adds "/a/hello.cgi" to SCRIPT_NAME. With an
 * `interpreter`, every file is a program.
 *
 * Answers 404 for a file that does not exist, that begins with a dot or is in a folder that does, or that is a link out of
 * `directory`. Answers 403 for a file that may not be executed. If a program sends nothing but a Location with the path of
 * another program, the other one answers the request; up to five times in a row.
 */
export function cgiBin(directory: string, options: CgiScriptOptions = {}): ApplicationFunction {
  const settings = programSettings(options);
  const folder = encodeUtf8(resolve(directory)).replace(/\/$/, '');
  const need = settings.interpreter.length > 0 ? 'read' : 'execute';

  const find = async (environ: Environ): Promise<Destination> => {
    const found = await findFile(folder, environ.PATH_INFO);
    if (found === undefined) return '404 Not Found';
    const { path, name, pathInfo } = found;
    if (!(await hasAccess(need, path))) {
      const advice = need === 'read' ? 'this user cannot read it' : 'it is not executable; run chmod +x on it';
      environ['wsgi.errors'].write(`The CGI program ${decodeUtf8(path)} is refused: ${advice}\n`);
      return '403 Forbidden';
    }
    const { PATH_TRANSLATED: _, ...request } = environ; // it belongs to the other PATH_INFO
    return { path, environ: { ...request, SCRIPT_NAME: environ.SCRIPT_NAME + name, PATH_INFO: pathInfo } as Environ };
  };
  return runPrograms({ ...settings, find, followsRedirects: true });
}
