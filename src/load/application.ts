// Loads the application that "app.ts:callable" on a command line names.

import { captureApplications } from '../cgi/capture.ts';
import type { FetchHandler } from '../fetch/index.ts';
import { fs } from '../fs.ts';
import type { RunWithCgiOptions } from '../index.ts';
import type { Listener } from '../node/index.ts';
import { show } from '../show.ts';
import type { Application } from '../types.ts';
import { idleWaiter } from '../wait-until-idle.ts';
import { withholdPorts } from '../withheld-ports.ts';
import { describeInterface, type Interface, interfaceOf, isOfH3, toInterface } from './interface.ts';
import { loadModule, suggestFile, suggestModuleType } from './module.ts';
import { UserError } from './user-error.ts';

export interface Loaded {
  application: Application;
  /** The kind of what the module exports, or of the server that it lets listen. */
  interface: Interface;
  /** The export that is the application: "default", "a.b", or "module" for `module.exports` itself; undefined when the module runs itself. */
  exportName: string | undefined;
  /** The options that the module itself has given to `runWithCgi`; empty when it only exports its application. */
  options: RunWithCgiOptions;
  /** The words for the application in messages: "the default export of app.ts". */
  origin: string;
}

/** Splits "app.ts:callable" at its last colon, unless a file of that whole name exists. */
export function parseTarget(target: string): { path: string; callable?: string } {
  const colon = target.lastIndexOf(':');
  if (colon <= 0 || target.includes('/', colon) || fs.existsSync(target)) return { path: target };
  return { path: target.slice(0, colon), callable: target.slice(colon + 1) };
}

/**
 * Loads the module `path` and returns its application, the first of these that there is:
 *
 * - the export `callable`, which may be a path like "a.b";
 * - what the module hands to `runWithCgi`;
 * - its export `application`, or its default export;
 * - the server on which it calls `listen()`; no port is opened.
 *
 * `kind` is "wsgi", "fetch" or "node"; without it, the kind is guessed from the application. Throws a `UserError`.
 */
export async function loadApplication(path: string, callable?: string, kind?: string): Promise<Loaded> {
  const wanted = toInterface(kind);
  const file = process.getBuiltinModule('node:path').resolve(path);
  if (!fs.existsSync(file)) throw new UserError('module-not-found', `There is no file ${file}${suggestFile(path)}`);

  let captured: Loaded | undefined;
  const release = captureApplications(({ application, options }) => {
    captured ??= { application, interface: 'wsgi', exportName: undefined, options, origin: `what ${path} gives to runWithCgi()` };
  });
  const ports = withholdPorts(); // for good: a module that exports its application may call listen() late
  try {
    let exported: unknown;
    const isFound = () => (captured ?? defaultApplication(exported, wanted) ?? ports.listener()) !== undefined;
    const waitUntilIdle = idleWaiter(isFound);
    exported = await loadModule(file);
    if (callable !== undefined) return await namedApplication(exported, path, callable, wanted);
    // The module may wait for something, its database say, before it calls runWithCgi() or listen().
    await waitUntilIdle();
    if (captured) return captured;
    const found = defaultApplication(exported, wanted);
    if (found) return await adapt(found, path, wanted);
    const listener = ports.listener();
    if (listener) return await adapt({ value: listener, exportName: undefined }, path, 'node');
    throw new UserError(
      'application-not-exported',
      `${path} exports no application: it should have an export named application, a default export, or a call of runWithCgi(); ${describeExports(exported)}${suggestMend(path, exported)}`,
    );
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof SyntaxError) (await import('./syntax-error.ts')).prependSource(error, file);
    throw new UserError('module-broken', `${path} could not be loaded${suggestModuleType(error, file)}`, { cause: error });
  } finally {
    release();
  }
}

interface Export {
  value: unknown;
  exportName: string | undefined;
}

async function namedApplication(exported: unknown, path: string, callable: string, wanted: Interface | undefined): Promise<Loaded> {
  let value = exported;
  for (const name of callable.split('.')) value = isObject(value) ? Reflect.get(value, name) : undefined;
  if (isApplication(value, wanted)) return adapt({ value, exportName: callable }, path, wanted);
  const instead = value === undefined ? describeExports(exported) : `${callable} is ${show(value)}`;
  throw new UserError('application-missing', `${path} has no application named ${callable}; ${instead}`);
}

/** Returns the export that is taken when the command line names none. */
function defaultApplication(exported: unknown, wanted: Interface | undefined): Export | undefined {
  if (isObject(exported)) {
    for (const exportName of ['application', 'default']) {
      const value = Reflect.get(exported, exportName);
      if (isApplication(value, wanted)) return { value, exportName };
    }
  }
  // CommonJS: module.exports = application
  return isApplication(exported, wanted) ? { value: exported, exportName: 'module' } : undefined;
}

/** Wraps an exported application as one of PEP 3333. */
async function adapt({ value, exportName }: Export, path: string, wanted: Interface | undefined): Promise<Loaded> {
  const kind = wanted ?? interfaceOf(value) ?? 'wsgi';
  const origin = `${describeExport(exportName)} of ${path}${kind === 'wsgi' ? '' : `, ${describeInterface(kind)}`}`;
  return { application: await toApplication(value, kind), interface: kind, exportName, options: {}, origin };
}

/** Returns the words for an export in messages: "the default export". */
export function describeExport(exportName: string | undefined): string {
  if (exportName === undefined) return 'the server';
  if (exportName === 'default') return 'the default export';
  return exportName === 'module' ? 'the exports' : exportName;
}

async function toApplication(value: unknown, kind: Interface): Promise<Application> {
  switch (kind) {
    case 'fetch':
      return (await import('../fetch/index.ts')).fromFetch(value as FetchHandler);
    case 'node':
      return (await import('../node/index.ts')).fromNode(value as Listener);
    default:
      return value as Application;
  }
}

/** How many exports a message lists at most. */
const MAX_LISTED = 10;

function describeExports(exported: unknown): string {
  if (!isObject(exported)) return `it exports ${show(exported)}`;
  if (interfaceOf(exported) !== undefined) return 'what it exports is an application itself, and needs no name';
  const names = Object.keys(exported).filter((name) => name !== '__esModule');
  if (names.length === 0) return 'it exports nothing';
  const list = names.slice(0, MAX_LISTED).map((name) => `${name} (${show(Reflect.get(exported, name))})`);
  const others = names.length > MAX_LISTED ? [`${names.length - MAX_LISTED} more`] : [];
  const callable = names.find((name) => interfaceOf(Reflect.get(exported, name)) !== undefined);
  return `it exports ${[...list, ...others].join(', ')}${callable === undefined ? '' : `; name one, as in "app.js:${callable}"`}`;
}

/** Returns the end of a message about a module without an application: what its author may have meant, or "". */
function suggestMend(path: string, exported: unknown): string {
  const values = isObject(exported) ? [exported, ...Object.values(exported)] : [];
  if (values.some(isOfH3)) return '; for h3, export toWebHandler(app) instead';
  return process.getBuiltinModule('node:path').extname(path) === '' ? '; the name of a CGI program must end in .cgi' : '';
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isApplication(value: unknown, wanted: Interface | undefined): boolean {
  return wanted === undefined ? interfaceOf(value) !== undefined : isObject(value);
}
