// What a command is given to run: a module, any executable CGI program, or a folder of these.

import cluster from 'node:cluster';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { cgiBin, cgiScript } from '../host/index.ts';
import type { Application } from '../types.ts';
import { type Loaded, loadApplication, parseTarget } from './load.ts';
import { Problem } from './problem.ts';

const MODULE = /\.[mc]?[jt]sx?$/;

/** Whether `target` is a folder. */
export function isFolder(target: string): boolean {
  return statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Returns what `target` names as an application. Throws a `Problem` when there is none. */
export async function applicationOf(target: string | undefined, wanted?: string): Promise<Loaded> {
  if (target === undefined)
    throw new Problem('option-wrong', 'An application is missing; name a module, a CGI program or a folder of these');
  const { path, callable } = parseTarget(target);
  if (isFolder(path)) return hosted(cgiBin(path, { passAuthorization: true }), `the folder ${path}`);
  if (callable === undefined && isProgram(path)) {
    return hosted(cgiScript(resolve(path), { passAuthorization: true }), `the CGI program ${basename(path)}`);
  }
  // What it would find there if it ran by itself: our options are not its own.
  process.argv = [process.execPath, resolve(path)];
  cluster.fork = () => {
    throw new Problem(
      'application-not-exported',
      `${path} starts its workers by node:cluster, and has no application itself; name the module that they run`,
    );
  };
  return loadApplication(path, callable, wanted);
}

/**
 * Whether the file `path` is a program to run, and no module to load. A file for Node without an ending, as bin/www, is a
 * module; one that ends in .cgi is a program. Throws a `Problem` for a program that is not executable.
 */
function isProgram(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file?.isFile() || MODULE.test(path)) return false;
  const interpreter = interpreterOf(path);
  const isForNode = interpreter === 'node' || interpreter === 'nodejs';
  if (isForNode && !path.endsWith('.cgi')) return false;
  if (file.mode & 0o111) return true;
  if (interpreter === undefined || isForNode || interpreter === 'run-with-cgi') return false;
  throw new Problem(
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
