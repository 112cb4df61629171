// What a command is given to run: a module, any executable CGI program, or a folder of these.

import cluster from 'node:cluster';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { cgiBin, cgiScript } from '../host/index.ts';
import { type Loaded, loadApplication, parseTarget } from '../load/application.ts';
import { UserError } from '../load/user-error.ts';
import type { Application } from '../types.ts';

const MODULE = /\.[mc]?[jt]sx?$/;
/** Names of what may be a module or a program. */
const EITHER = /(?:^|\/)[^.]*$|\.cgi$/;

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Returns what `target` names as an application. Throws a `UserError` when there is none. */
export async function applicationOf(target: string | undefined, wanted?: string): Promise<Loaded> {
  if (target === undefined)
    throw new UserError('option-wrong', 'An application is missing; name a module, a CGI program or a folder of these');
  const { path, callable } = parseTarget(target);
  if (isFolder(path)) {
    checkPrograms(path);
    return hosted(cgiBin(path, { passAuthorization: true }), `the folder ${path}`);
  }
  if (callable === undefined && isProgram(path)) {
    return hosted(cgiScript(resolve(path), { passAuthorization: true }), `the CGI program ${basename(path)}`);
  }
  // What it would find there if it ran by itself: our options are not its own.
  process.argv = [process.execPath, resolve(path)];
  cluster.fork = () => {
    throw new UserError(
      'application-not-exported',
      `${path} starts its workers by node:cluster, and has no application itself; name the module that they run`,
    );
  };
  return loadApplication(path, callable, wanted);
}

/** Throws a `UserError` for a folder that holds neither a program nor a folder of some. */
export function checkPrograms(folder: string): void {
  const mayRun = (name: string) => {
    const file = statSync(join(folder, name), { throwIfNoEntry: false });
    return file?.isDirectory() || (file?.isFile() && file.mode & 0o111);
  };
  if (readdirSync(folder).some(mayRun)) return;
  throw new UserError('scripts-missing', `The folder ${folder} holds no executable file; make one with chmod +x`);
}

/**
 * Whether the file `path` is a program to run, and no module to load. A file for Node without an ending, as bin/www, is a
 * module; one that ends in .cgi is a program. Throws a `UserError` for a program that is not executable.
 */
function isProgram(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file?.isFile() || MODULE.test(path)) return false;
  const interpreter = interpreterOf(path);
  const isForNode = interpreter === 'node' || interpreter === 'nodejs';
  if (isForNode && !path.endsWith('.cgi')) return false;
  if (file.mode & 0o111) return true;
  if (isForNode || interpreter === 'run-with-cgi' || (interpreter === undefined && EITHER.test(path))) return false;
  if (interpreter === undefined) {
    throw new UserError(
      'program-not-executable',
      `${path} is no module by its name (.js, .mjs, .cjs, .ts), and no program: it has no #! line, and is not executable`,
    );
  }
  throw new UserError(
    'program-not-executable',
    `${path} is a program for ${interpreter} that is not executable; make it so: chmod +x ${path}`,
  );
}

/** The name of the interpreter that the file's #! line leads to. */
function interpreterOf(path: string): string | undefined {
  const [, words = ''] = /^#!([^\n]*)/.exec(beginning(path)) ?? [];
  const [first = '', ...more] = words.trim().split(/\s+/);
  const name = basename(first);
  // env's own options and assignments come first.
  return (name === 'env' ? more.find((word) => !word.startsWith('-') && !word.includes('=')) : name) || undefined;
}

/** Empty for a file that only others may read. */
function beginning(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const buffer = Buffer.alloc(256);
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, 256, 0));
  } catch {
    return '';
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function hosted(application: Application, origin: string): Loaded {
  return { application, interface: 'wsgi', exportName: undefined, options: {}, origin };
}
