// A folder of CGI programs as one application: the first part of the path names the program.

import { access, constants, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { ApplicationFunction, StartResponse } from '../types.ts';
import { type CgiScriptOptions, cgiScript } from './script.ts';

/**
 * Returns an application that runs the executable files directly in `directory`: for PATH_INFO
 * "/hello.cgi/a" the program hello.cgi with PATH_INFO "/a", with "/hello.cgi" added to SCRIPT_NAME.
 * Answers 404 for what is not there, begins with a dot or leads out of the folder, and 403 for a file
 * that is not executable.
 */
export function cgiBin(directory: string, options: CgiScriptOptions = {}): ApplicationFunction {
  return async (environ, startResponse) => {
    const [, name = '', pathInfo = ''] = /^\/([^/]*)(.*)$/s.exec(environ.PATH_INFO) ?? [];
    const program = await find(resolve(directory), Buffer.from(name, 'latin1').toString());
    if (program === undefined) return refuse(startResponse, '404 Not Found');
    if (!(await isExecutable(program))) return refuse(startResponse, '403 Forbidden');
    environ.SCRIPT_NAME += `/${name}`;
    environ.PATH_INFO = pathInfo;
    environ.SCRIPT_FILENAME = Buffer.from(program).toString('latin1');
    return cgiScript(program, options)(environ, startResponse);
  };
}

/** The path of the file `name` in `directory`, if that is where it really is. */
async function find(directory: string, name: string): Promise<string | undefined> {
  if (name === '' || name.startsWith('.') || name.includes('\0')) return undefined;
  try {
    const file = await realpath(join(directory, name));
    const isInside = file.startsWith((await realpath(directory)) + sep);
    return isInside && (await stat(file)).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function refuse(startResponse: StartResponse, status: string): string {
  startResponse(status, [['Content-Type', 'text/plain']]);
  return `${status}\n`;
}
