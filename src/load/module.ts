// Loads the author's module, whatever it is written in: CommonJS, an ES module, TypeScript or JSX.

import { codeOf } from '../error-code.ts';
import { fs } from '../fs.ts';
import { nearest } from './nearest.ts';
import { UserError } from './user-error.ts';

/** Files that Node reads only after something has taken the types or the JSX out of them. */
const TRANSLATED = /\.(?:[mc]?ts|[jt]sx)$/;

/** Loads the module `file` and returns what it exports. Throws a `UserError` where only tsx could read it and tsx is not installed. */
export async function loadModule(file: string): Promise<unknown> {
  const { createRequire } = process.getBuiltinModule('node:module');
  const require = createRequire(file);
  const isTranslated = TRANSLATED.test(file);
  const needsTsx = isTranslated && !stripsTypes(file);
  if (needsTsx) registerTsx(require, file);
  try {
    return await requireOrImport(require, file, needsTsx);
  } catch (error) {
    // Node only strips types. tsx also reads enums, finds other.ts for "./other.js", and takes import where package.json says "commonjs".
    if (!isTranslated || needsTsx) throw error;
    if (error instanceof SyntaxError) registerTsx(require, file, error);
    else if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND' || !tryRegisterTsx(require)) throw error;
    return requireOrImport(require, file, true);
  }
}

async function requireOrImport(require: NodeJS.Require, file: string, byTsx: boolean): Promise<unknown> {
  try {
    // require() takes ES modules, too, and does not load Node's loader for ES modules, which costs a fifth of Node's start.
    return require(file);
  } catch (error) {
    if (codeOf(error) !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    // The module has a top-level await, which only import() takes. tsx registers itself for import() separately.
    const { pathToFileURL } = process.getBuiltinModule('node:url');
    if (byTsx) await import(pathToFileURL(require.resolve('tsx/esm')).href);
    return import(pathToFileURL(file).href);
  }
}

/** Whether Node itself strips the types from `file`: Node does since 22.18, but never reads JSX. */
function stripsTypes(file: string): boolean {
  return !file.endsWith('x') && 'typescript' in process.features && Boolean(process.features.typescript);
}

/** Returns false where tsx is not installed. */
function tryRegisterTsx(require: NodeJS.Require): boolean {
  try {
    require('tsx/cjs/api').register();
    return true;
  } catch {
    return false;
  }
}

/** Throws a `UserError` where tsx is not installed. `cause` is Node's own error about the file, if Node has tried to read it. */
function registerTsx(require: NodeJS.Require, file: string, cause?: SyntaxError): void {
  if (tryRegisterTsx(require)) return;
  const newerNode = cause || file.endsWith('x') ? '' : ', or use Node 22.18 or later';
  const message = `Node ${process.versions.node} cannot read ${file} by itself; install tsx beside it (npm install tsx)${newerNode}`;
  throw new UserError('typescript-unsupported', message, { cause });
}

/** Returns the end of a message about `path`, which does not exist: "; did you mean app.js?" for "app", or "". */
export function suggestFile(path: string): string {
  const { basename, dirname, join } = process.getBuiltinModule('node:path');
  const folder = dirname(path);
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const name = basename(path);
  const meant = names.find((one) => one.replace(/\.[mc]?[jt]sx?$/, '') === name) ?? nearest(name, names);
  return meant === undefined ? '' : `; did you mean ${join(folder, meant)}?`;
}

/**
 * Returns the end of a message about an `error` of loading `file`, or "": what to do where Node has read an ES module as
 * CommonJS. Node does so in a new project, since the package.json of `npm init` says "commonjs".
 */
export function suggestModuleType(error: unknown, file: string): string {
  const isModuleAsCommonJs =
    error instanceof SyntaxError &&
    error.stack?.startsWith(`${file}:`) &&
    /^(?:Cannot use import statement outside a module|Cannot use 'import.meta' outside a module|Unexpected token 'export')$/.test(
      error.message,
    );
  if (!isModuleAsCommonJs) return '';
  const setType = file.endsWith('.cjs') ? '' : ', or set "type": "module" in package.json, which says "commonjs"';
  return `: it is written as an ES module; end its name in .mjs${setType}`;
}
