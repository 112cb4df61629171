// From "app.ts:callable" on a command line to an application.

import { captureApplications } from '../cgi/hand-over.ts';
import type { FetchHandler } from '../fetch/index.ts';
import { fs } from '../fs.ts';
import { idleWaiter } from '../idle.ts';
import type { RunWithCgiOptions } from '../index.ts';
import type { Listener } from '../node/index.ts';
import { withholdPorts } from '../ports.ts';
import { show } from '../show.ts';
import type { Application } from '../types.ts';
import { describeInterface, type Interface, interfaceOf, isOfH3, toInterface } from './interface.ts';
import { nearest } from './nearest.ts';
import { UserError } from './user-error.ts';

export interface Loaded {
  application: Application;
  /** Of which kind the module's own application is. */
  interface: Interface;
  /** Where the module exports it, "default" or "a.b", "module" for all of its exports; undefined when it runs itself. */
  exportName: string | undefined;
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
 * the module hands to `runWithCgi`; or its export `application`, or its default export; or the server on which it
 * calls `listen()`, which opens no port. Without `wanted`, the name of a kind, what the application looks like tells of which kind it is. Throws a `UserError`.
 */
export async function loadApplication(path: string, callable?: string, wanted?: string): Promise<Loaded> {
  const kind = toInterface(wanted);
  const file = process.getBuiltinModule('node:path').resolve(path);
  if (!fs.existsSync(file)) throw new UserError('module-not-found', `There is no file ${file}${similar(path)}`);

  let handedOver: Loaded | undefined;
  const release = captureApplications(({ application, options }) => {
    handedOver ??= { application, interface: 'wsgi', exportName: undefined, options, origin: `what ${path} gives to runWithCgi()` };
  });
  const ports = withholdPorts(); // for good: beside an application that is exported, something may listen late
  try {
    let exported: unknown;
    const found = () => handedOver ?? usual(exported, kind) ?? ports.listener();
    const waitUntilIdle = idleWaiter(() => found() !== undefined);
    exported = await load(file);
    if (callable !== undefined) return await named(exported, path, callable, kind);
    // It may have something to wait for before it calls runWithCgi() or listen().
    await waitUntilIdle();
    if (handedOver) return handedOver;
    const value = usual(exported, kind);
    if (value) return await adapt(value, path, kind);
    const listener = ports.listener();
    if (listener) return await adapt({ value: listener, exportName: undefined }, path, 'node');
    throw new UserError(
      'application-not-exported',
      `${path} exports no application: it should have an export named application, a default export, or a call of runWithCgi(); ${describeExports(exported)}${hint(path, exported)}`,
    );
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof SyntaxError) (await import('./syntax-error.ts')).locate(error, file);
    throw new UserError('module-broken', `${path} could not be loaded${otherKind(error, file)}`, { cause: error });
  } finally {
    release();
  }
}

/** What there is to do where Node has read the ES module `file` as CommonJS, which the package.json of a new project makes of it. */
function otherKind(error: unknown, file: string): string {
  const isOther =
    error instanceof SyntaxError &&
    error.stack?.startsWith(`${file}:`) &&
    /^(?:Cannot use import statement outside a module|Cannot use 'import.meta' outside a module|Unexpected token 'export')$/.test(
      error.message,
    );
  if (!isOther) return '';
  const mend = file.endsWith('.cjs') ? '' : ', or set "type": "module" in package.json, which says "commonjs"';
  return `: it is written as an ES module; end its name in .mjs${mend}`;
}

/** The file that may have been meant: "app.js" for "app". */
function similar(path: string): string {
  const { basename, dirname, join } = process.getBuiltinModule('node:path');
  const folder = dirname(path);
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const name = basename(path);
  const meant = names.find((one) => one.replace(/\.[mc]?[jt]sx?$/, '') === name) ?? nearest(name, names);
  return meant === undefined ? '' : `; did you mean ${join(folder, meant)}?`;
}

/** TypeScript and JSX. */
const TRANSLATED = /\.(?:[mc]?ts|[jt]sx)$/;

async function load(file: string): Promise<unknown> {
  const { createRequire } = process.getBuiltinModule('node:module');
  const require = createRequire(file);
  const isTranslated = TRANSLATED.test(file);
  const needsTsx = isTranslated && !stripsTypes(file);
  if (needsTsx) registerTsx(require, file);
  try {
    return await required(require, file, needsTsx);
  } catch (error) {
    // Node only strips types. tsx takes enums, too, "./other.js" for other.ts, and import where package.json says "commonjs".
    if (!isTranslated || needsTsx) throw error;
    if (error instanceof SyntaxError) registerTsx(require, file, error);
    else if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND' || !registered(require)) throw error;
    return required(require, file, true);
  }
}

async function required(require: NodeJS.Require, file: string, byTsx: boolean): Promise<unknown> {
  try {
    // Node takes ES modules here too, whatever the file's ending, and without what its other loader costs.
    return require(file);
  } catch (error) {
    if (codeOf(error) !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    // It has a top-level await, which needs the other loader, and tsx once more, for that one.
    const { pathToFileURL } = process.getBuiltinModule('node:url');
    if (byTsx) await import(pathToFileURL(require.resolve('tsx/esm')).href);
    return import(pathToFileURL(file).href);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Whether Node takes the types out of it: since 22.18, and never out of JSX. */
function stripsTypes(file: string): boolean {
  return !file.endsWith('x') && 'typescript' in process.features && Boolean(process.features.typescript);
}

function registered(require: NodeJS.Require): boolean {
  try {
    require('tsx/cjs/api').register();
    return true;
  } catch {
    return false;
  }
}

/** Throws a `UserError` where tsx is not installed; `cause` is what Node itself has said about the file. */
function registerTsx(require: NodeJS.Require, file: string, cause?: SyntaxError): void {
  if (registered(require)) return;
  const other = cause || file.endsWith('x') ? '' : ', or use Node 22.18 or later';
  const message = `Node ${process.versions.node} cannot read ${file} by itself; install tsx beside it (npm install tsx)${other}`;
  throw new UserError('typescript-unsupported', message, { cause });
}

interface Found {
  value: unknown;
  exportName: string | undefined;
}

async function named(exported: unknown, path: string, callable: string, kind: Interface | undefined): Promise<Loaded> {
  let value = exported;
  for (const name of callable.split('.')) value = isObject(value) ? Reflect.get(value, name) : undefined;
  if (isApplication(value, kind)) return adapt({ value, exportName: callable }, path, kind);
  const found = value === undefined ? describeExports(exported) : `${callable} is ${show(value)}`;
  throw new UserError('application-missing', `${path} has no application named ${callable}; ${found}`);
}

/** What is taken when no name is given. CommonJS: module.exports = application. */
function usual(exported: unknown, kind: Interface | undefined): Found | undefined {
  if (isObject(exported)) {
    for (const exportName of ['application', 'default']) {
      const value = Reflect.get(exported, exportName);
      if (isApplication(value, kind)) return { value, exportName };
    }
  }
  return isApplication(exported, kind) ? { value: exported, exportName: 'module' } : undefined;
}

/** Returns what was found as an application of PEP 3333. */
async function adapt({ value, exportName }: Found, path: string, given: Interface | undefined): Promise<Loaded> {
  const kind = given ?? interfaceOf(value) ?? 'wsgi';
  const place =
    exportName === undefined
      ? 'the server'
      : exportName === 'default'
        ? 'the default export'
        : exportName === 'module'
          ? 'the exports'
          : exportName;
  const origin = `${place} of ${path}${kind === 'wsgi' ? '' : `, ${describeInterface(kind)}`}`;
  return { application: await toApplication(value, kind), interface: kind, exportName, options: {}, origin };
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

/** Names that a message has. */
const SHOWN = 10;

function describeExports(exported: unknown): string {
  if (!isObject(exported)) return `it exports ${show(exported)}`;
  if (interfaceOf(exported) !== undefined) return 'what it exports is an application itself, and needs no name';
  const names = Object.keys(exported).filter((name) => name !== '__esModule');
  if (names.length === 0) return 'it exports nothing';
  const list = names.slice(0, SHOWN).map((name) => `${name} (${show(Reflect.get(exported, name))})`);
  const others = names.length > SHOWN ? [`${names.length - SHOWN} more`] : [];
  const callable = names.find((name) => interfaceOf(Reflect.get(exported, name)) !== undefined);
  return `it exports ${[...list, ...others].join(', ')}${callable === undefined ? '' : `; name one, as in "app.js:${callable}"`}`;
}

/** What somebody may have meant. */
function hint(path: string, exported: unknown): string {
  const values = isObject(exported) ? [exported, ...Object.values(exported)] : [];
  if (values.some(isOfH3)) return '; of an application of h3, toWebHandler(app) makes one';
  return process.getBuiltinModule('node:path').extname(path) === '' ? '; a CGI program is told by a name that ends in .cgi' : '';
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isApplication(value: unknown, kind: Interface | undefined): boolean {
  return kind === undefined ? interfaceOf(value) !== undefined : isObject(value);
}
