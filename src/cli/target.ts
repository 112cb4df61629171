// The application that a command line names: a module, any executable CGI program, or a folder of CGI programs.

import cluster from 'node:cluster';
import { readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { isFolder } from '../file-type.ts';
import { cgiBin, cgiScript } from '../host/index.ts';
import { parseShebang, readStart } from '../host/shebang.ts';
import { type Loaded, loadApplication, parseTarget } from '../load/application.ts';
import { UserError } from '../load/user-error.ts';
import type { Application } from '../types.ts';
import { makeStandardStreams } from '../wait-until-idle.ts';

const MODULE_NAME = /\.[mc]?[jt]sx?$/;
/** Names that a module may have as well as a program. */
const AMBIGUOUS_NAME = /(?:^|\/)[^.]*$|\.cgi$/;

/** Returns the application that `target` names. `kind` is the --interface option. Throws a `UserError` when there is none. */
export async function applicationOf(target: string | undefined, kind?: string): Promise<Loaded> {
  if (target === undefined)
    throw new UserError('option-wrong', 'Name the application: a module, a CGI program, or a folder of CGI programs');
  const { path, callable } = parseTarget(target);
  if (isFolder(path)) {
    checkPrograms(path);
    return hostedApplication(cgiBin(path, { passAuthorization: true }), `the folder ${path}`);
  }
  if (callable === undefined && isProgram(path)) {
    return hostedApplication(cgiScript(resolve(path), { passAuthorization: true }), `the CGI program ${basename(path)}`);
  }
  makeStandardStreams();
  // The module finds the arguments that it would have if it ran by itself.
  process.argv = [process.execPath, resolve(path)];
  cluster.fork = () => {
    throw new UserError(
      'application-not-exported',
      `${path} starts its workers by node:cluster, and has no application itself; name the module that the workers run`,
    );
  };
  return loadApplication(path, callable, kind);
}

/** Throws a `UserError` when `folder` holds neither an executable file nor another folder. */
export function checkPrograms(folder: string): void {
  const mayRun = (name: string) => {
    const file = statSync(join(folder, name), { throwIfNoEntry: false });
    return file?.isDirectory() || (file?.isFile() && file.mode & 0o111);
  };
  if (readdirSync(folder).some(mayRun)) return;
  throw new UserError('scripts-missing', `The folder ${folder} holds no executable file; make one with chmod +x`);
}

/**
 * Whether the file `path` is a program to run; otherwise it is a module to load. A file whose #! line names Node is a
 * module, as bin/www is, unless its name ends in .cgi. Throws a `UserError` for a program that is not executable.
 */
function isProgram(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file?.isFile() || MODULE_NAME.test(path)) return false;
  const interpreter = interpreterOf(path);
  const isForNode = interpreter === 'node' || interpreter === 'nodejs';
  if (isForNode && !path.endsWith('.cgi')) return false;
  if (file.mode & 0o111) return true;
  if (isForNode || interpreter === 'run-with-cgi' || (interpreter === '' && AMBIGUOUS_NAME.test(path))) return false;
  if (interpreter === '') {
    throw new UserError(
      'program-not-executable',
      `${path} is neither a module nor a program: its name does not end in .js, .mjs, .cjs or .ts, it has no #! line, and it is not executable`,
    );
  }
  throw new UserError('program-not-executable', `${path} is a program for ${interpreter}, but it is not executable; run chmod +x ${path}`);
}

/** Returns the name of the program in the #! line of the file `path`; "" without such a line, or where the file may not be read. */
function interpreterOf(path: string): string {
  try {
    return parseShebang(readStart(path))?.program ?? '';
  } catch {
    return '';
  }
}

function hostedApplication(application: Application, origin: string): Loaded {
  return { application, interface: 'wsgi', exportName: undefined, options: {}, origin };
}
