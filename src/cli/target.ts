// What a command is given to run: a module, any executable CGI program, or a folder of these.

import { statSync } from 'node:fs';
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
  const file = statSync(path, { throwIfNoEntry: false });
  if (file && !MODULE.test(path) && callable === undefined && file.mode & 0o111) {
    return hosted(cgiScript(resolve(path), { passAuthorization: true }), `the CGI program ${basename(path)}`);
  }
  return loadApplication(path, callable, wanted);
}

function hosted(application: Application, origin: string): Loaded {
  return { application, interface: 'wsgi', exportName: undefined, options: {}, origin };
}
