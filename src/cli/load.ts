// From "app.ts:callable" on a command line to an application.

import { takeApplications } from '../cgi/hand-over.ts';
import { fs } from '../fs.ts';
import type { RunWithCgiOptions } from '../index.ts';
import { show } from '../show.ts';
import type { Application } from '../types.ts';
import { Problem } from './problem.ts';

export interface Loaded {
  application: Application;
  /** What the module itself has given to `runWithCgi`; nothing when it only exports its application. */
  options: RunWithCgiOptions;
  /** For people: "the default export of app.ts". */
  origin: string;
}

/** Splits "app.ts:callable". A file that has a colon in its name is found, too. */
export function parseTarget(target: string): { path: string; callable?: string } {
  const colon = target.lastIndexOf(':');
  if (colon <= 0 || target.includes('/', colon) || fs.existsSync(target)) return { path: target };
  return { path: target.slice(0, colon), callable: target.slice(colon + 1) };
}

/**
 * Loads the module `path` and returns its application: `callable`, which may be a path like "a.b"; or what
 * the module hands to `runWithCgi`; or its export `application`, or its default export. Throws a `Problem`.
 */
export async function loadApplication(path: string, callable?: string): Promise<Loaded> {
  const file = process.getBuiltinModule('node:path').resolve(path);
  if (!fs.existsSync(file)) throw new Problem('module-not-found', `There is no file ${file}`);

  let handedOver: Loaded | undefined;
  const release = takeApplications(({ application, options }) => {
    handedOver ??= { application, options, origin: `what ${path} gives to runWithCgi()` };
  });
  try {
    const exported = await load(file);
    if (callable !== undefined) return named(exported, path, callable);
    // A script may have something to wait for before it calls runWithCgi().
    if (!handedOver && !usual(exported, path)) await new Promise(setImmediate);
    const loaded = handedOver ?? usual(exported, path);
    if (loaded) return loaded;
    throw new Problem(
      'application-not-exported',
      `${path} exports no application: it should have an export named application, a default export, or a call of runWithCgi(); ${describeExports(exported)}`,
    );
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('module-broken', `${path} could not be loaded`, { cause: error });
  } finally {
    release();
  }
}

async function load(file: string): Promise<unknown> {
  const { createRequire } = process.getBuiltinModule('node:module');
  const require = createRequire(file);
  const isTypeScript = /\.[mc]?tsx?$/.test(file);
  if (isTypeScript && !hasTypeScript()) registerTsx(require, file);
  try {
    // Node takes ES modules here too, whatever the file's ending, and without what its other loader costs.
    return require(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_REQUIRE_ASYNC_MODULE') {
      const { pathToFileURL } = process.getBuiltinModule('node:url');
      return import(pathToFileURL(file).href); // it has a top-level await
    }
    if (code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error;
    registerTsx(require, file);
    return require(file);
  }
}

function hasTypeScript(): boolean {
  return 'typescript' in process.features && Boolean(process.features.typescript);
}

/** Node 20 cannot read TypeScript, and later ones not all of it. */
function registerTsx(require: NodeJS.Require, file: string): void {
  try {
    require('tsx/cjs/api').register();
  } catch (error) {
    throw new Problem(
      'typescript-unsupported',
      `Node ${process.versions.node} cannot read ${file} by itself; install tsx beside it (npm install tsx), or use Node 22.18 or later and only types that can be erased`,
      { cause: error },
    );
  }
}

function named(exported: unknown, path: string, callable: string): Loaded {
  let value = exported;
  for (const name of callable.split('.')) value = isObject(value) ? Reflect.get(value, name) : undefined;
  if (isApplication(value)) return { application: value, options: {}, origin: `${callable} of ${path}` };
  const found = value === undefined ? describeExports(exported) : `${callable} is ${show(value)}`;
  throw new Problem('application-missing', `${path} has no application named ${callable}; ${found}`);
}

function usual(exported: unknown, path: string): Loaded | undefined {
  const found = (application: Application, what: string) => ({ application, options: {}, origin: `${what} of ${path}` });
  if (isObject(exported)) {
    const { application, default: byDefault } = exported as { application?: unknown; default?: unknown };
    if (isApplication(application)) return found(application, 'application');
    if (isApplication(byDefault)) return found(byDefault, 'the default export');
  }
  // CommonJS: module.exports = application
  return isApplication(exported) ? found(exported, 'the exports') : undefined;
}

function describeExports(exported: unknown): string {
  if (!isObject(exported)) return `it exports ${show(exported)}`;
  const names = Object.keys(exported).filter((name) => name !== '__esModule');
  if (names.length === 0) return 'it exports nothing';
  const list = names.map((name) => `${name} (${show(Reflect.get(exported, name))})`).join(', ');
  const callable = names.find((name) => isApplication(Reflect.get(exported, name)));
  return `it exports ${list}${callable === undefined ? '' : `; name one, as in "app.js:${callable}"`}`;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isApplication(value: unknown): value is Application {
  return typeof value === 'function' || (isObject(value) && 'call' in value && typeof value.call === 'function');
}
