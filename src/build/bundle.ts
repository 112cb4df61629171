// A module and everything it imports as one CommonJS source.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import type { BuildFailure, BuildOptions, BuildResult, Location, Message, OnLoadResult, Plugin } from 'esbuild';
import { UserError } from '../load/user-error.ts';
import type { AssetPaths } from './assets.ts';
import type { Entry } from './entry.ts';
import { loadEsbuild } from './esbuild.ts';
import { lazyBuiltIns } from './lazy-built-ins.ts';
import { mimeTypes } from './mime-types.ts';
import { ownPaths } from './own-paths.ts';
import { viewEngines, viewEnginesOf } from './view-engines.ts';

export interface Bundle {
  source: string;
  /** Statements that it needs before it, in one line. */
  before: string;
  /** The files that it is made of. */
  inputs: string[];
  /** JSON. */
  map: string;
  warnings: string[];
}

export interface BundleOptions {
  runtime: 'node' | 'bun';
  /** Modules that are not put in, but required when the script runs. */
  external: readonly string[];
  isWarm: boolean;
  /** Variables that a warm script's worker keeps. */
  keepEnv: readonly string[];
  /** Whether modules that call listen() open no port. */
  withholdsPorts: boolean;
  /** Where there are files beside the script, which modules look for. */
  assets: AssetPaths | undefined;
}

/** Characters. */
const LARGE = 10_000;

const requireHere = createRequire(import.meta.url);
const { resolve: resolveOwn } = requireHere;
const packageFolder = dirname(resolveOwn('run-with-cgi/package.json'));

/** Bundles `entry` into a script: a module's path, or JavaScript whose imports start from `folder`. Throws a `UserError` that says what cannot be put into one file. */
export async function bundle(entry: Entry, folder: string, options: BundleOptions): Promise<Bundle> {
  const { runtime, external, isWarm, keepEnv, withholdsPorts, assets } = options;
  const settings: Settings = {
    ...common(external),
    ...('path' in entry
      ? { entryPoints: [entry.path] }
      : { stdin: { contents: entry.contents, resolveDir: folder, sourcefile: 'run-with-cgi-entry.js', loader: 'js' } }),
    outfile: join(folder, 'script.cjs'),
    format: 'cjs',
    // And no more: an error may be called what its class is, and that goes to clients. It costs nothing that could be measured.
    minifyWhitespace: true,
    lineLimit: 200, // the line of an error that nobody catches gets into the log
    sourcemap: 'external',
    // Built-in modules can be required; import() would need a loader that code compiled beforehand does not have.
    supported: { 'dynamic-import': false },
    define: {
      'import.meta.url': '__runWithCgiUrl',
      'import.meta.filename': '__filename',
      'import.meta.dirname': '__dirname',
      'process.env.NODE_ENV': '"production"',
      __runWithCgiKeepEnv: JSON.stringify(keepEnv.join(' ')), // a list ends esbuild 0.28,
    },
    // They run before the modules of the application.
    inject: [
      'built-script/prepare-process',
      ...(withholdsPorts ? ['built-script/withhold-ports'] : []),
      ...(isWarm ? ['warm/index'] : []),
      ...(runtime === 'node' ? ['fetch/light/index'] : []),
    ].map((name) => join(packageFolder, `dist/${name}.js`)),
    plugins: [
      ...[ownPackage(runtime === 'node'), noAddons, mimeTypes, largeData],
      ...(assets ? [ownPaths(assets.pathOf, common(external))] : []),
      ...(runtime === 'node' ? [lazyBuiltIns] : []),
    ],
  };
  try {
    let made = await make(settings);
    const engines = viewEnginesOf(made.source);
    if (engines.length > 0) made = await make({ ...settings, plugins: [viewEngines(engines, folder), ...settings.plugins] });
    const url = made.source.includes('__runWithCgiUrl') ? 'const __runWithCgiUrl=require("url").pathToFileURL(__filename).href;' : '';
    return { ...made, before: `${url}${assets?.declarations(made.source) ?? ''}` };
  } catch (error) {
    throw toProblem(error);
  }
}

async function make(settings: Settings): Promise<Omit<Bundle, 'before'>> {
  try {
    return toBundle(await withoutMissing(settings));
  } catch (error) {
    if (isBuildFailure(error) && error.errors.every(({ text }) => text.includes('Top-level await is currently not supported'))) {
      // A module that awaits something at its top has to be in a function that may wait.
      const made = toBundle(await withoutMissing({ ...settings, format: 'esm', plugins: [...settings.plugins, builtIns] }));
      return { ...made, source: `(async()=>{${made.source}})()` };
    }
    throw error;
  }
}

/** Bundles the module `path` into an ES module with its exports, so that it can be looked at whatever it is written in. */
export async function bundleModule(path: string, outfile: string, external: readonly string[]): Promise<void> {
  const settings = common(external);
  const pathOf = (path: string) => ({
    filename: JSON.stringify(path),
    dirname: JSON.stringify(dirname(path)),
    url: JSON.stringify(pathToFileURL(path).href),
  });
  await withoutMissing({
    ...settings,
    entryPoints: [path],
    outfile,
    format: 'esm',
    banner: {
      js: "import{createRequire as __runWithCgiCreateRequire}from'node:module';const require=__runWithCgiCreateRequire(import.meta.url);",
    },
    sourcemap: 'inline',
    plugins: [ownPackage(false), noAddons, ownPaths(pathOf, settings)],
    write: true,
  }).catch((error: unknown) => {
    throw toProblem(error);
  });
}

/**
 * A package may name others that it can do without, and that are not installed: class-validator for NestJS, say, or a native
 * addon that is not compiled. They are left to be missed when they are asked for, as Node would.
 */
async function withoutMissing(settings: Settings): Promise<BuildResult> {
  const { build } = await loadEsbuild();
  try {
    return await build(settings);
  } catch (error) {
    const errors = isBuildFailure(error) ? error.errors.filter(isOfPackage) : [];
    const packages = errors.flatMap(({ text }) => /^Could not resolve "([^"./][^"]*)"$/.exec(text)?.[1] ?? []);
    const patterns = errors.flatMap(({ text, location }) => (location && /^Could not resolve \w+\("/.test(text) ? [location] : []));
    if (packages.length + patterns.length === 0) throw error;
    return withoutMissing({
      ...settings,
      external: [...settings.external, ...packages],
      plugins: patterns.length === 0 ? settings.plugins : [asWritten(patterns), ...settings.plugins],
    });
  }
}

/** Not about the author's own module. */
function isOfPackage({ location }: Message): boolean {
  return location?.file.includes('node_modules/') ?? false;
}

/** Leaves names that are made at run time to the run time: the bundler looks for files that they could be, and finds none. */
function asWritten(places: readonly Location[]): Plugin {
  return {
    name: 'names made at run time',
    setup({ onLoad }) {
      onLoad({ filter: /node_modules/ }, async ({ path }) => {
        const found = places.filter(({ file }) => resolve(file) === path);
        if (found.length === 0) return undefined;
        const lines = (await readFile(path, 'latin1')).split('\n'); // places are counted in bytes
        for (const { line, column } of found) {
          const text = lines[line - 1] ?? '';
          lines[line - 1] = `${text.slice(0, column)}globalThis&&${text.slice(column)}`;
        }
        return { contents: Buffer.from(lines.join('\n'), 'latin1'), loader: 'default' };
      });
    },
  };
}

type Settings = BuildOptions & { external: string[]; plugins: Plugin[]; metafile: true };

function common(external: readonly string[]) {
  return {
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    legalComments: 'none',
    external: [...external],
    // A module may be a CGI script by its first line.
    loader: { '.cgi': 'js', '.wasm': 'binary', '.txt': 'text', '.html': 'text', '.css': 'text', '.svg': 'text', '.sql': 'text' },
    logLevel: 'silent',
    logOverride: { 'ignored-bare-import': 'silent' }, // chunks of our own package
    metafile: true,
    write: false,
  } satisfies BuildOptions;
}

function toProblem(error: unknown): unknown {
  return isBuildFailure(error) ? new UserError('build-failed', error.errors.map(describe).join('\n')) : error;
}

function toBundle({ outputFiles = [], metafile, warnings }: BuildResult): Omit<Bundle, 'before'> {
  const text = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  const inputs = Object.keys(metafile?.inputs ?? {}).map((path) => resolve(path));
  return { source: text('.cjs'), inputs, map: text('.map'), warnings: warnings.map(describe) };
}

function describe({ text, location }: Message): string {
  return location ? `${relative('', location.file)}:${location.line}: ${text}` : text;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error;
}

/** What an application imports of run-with-cgi is what builds it; of run-with-cgi/fetch, where it `isLight`, the part with the light classes. */
function ownPackage(isLight: boolean): Plugin {
  return {
    name: 'run-with-cgi',
    setup({ onResolve }) {
      onResolve({ filter: /^run-with-cgi(?:\/|$)/ }, ({ path }) => ({
        path: path === 'run-with-cgi/fetch' && isLight ? join(packageFolder, 'dist/fetch/light.js') : resolveOwn(path),
      }));
    },
  };
}

const noAddons: Plugin = {
  name: 'native addons',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /\.node$/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === noAddons) return undefined;
      // It may be platform.node.js.
      const found = await resolve(path, { importer, kind, resolveDir, pluginData: noAddons });
      if (found.errors.length === 0 && !found.path.endsWith('.node')) return found;
      return {
        errors: [
          {
            text: `${path}, which ${relative('', importer)} needs, is a native addon, and cannot be put into one file; leave its package out by --external, and install that where the script runs`,
          },
        ],
      };
    });
  },
};

/** V8 parses JSON faster than the same as JavaScript, and not before somebody needs it. */
const largeData: Plugin = {
  name: 'large data',
  setup({ onLoad }) {
    onLoad({ filter: /\.json$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return text.length < LARGE ? undefined : toModule(JSON.parse(text));
    });
    // The tables of a hundred encodings, which every reader of request bodies has with it.
    onLoad({ filter: /\/iconv-lite\/encodings\/sbcs-data-generated\.js$/ }, ({ path }) => toModule(requireHere(path)));
  },
};

/** Tables of characters: each character would be escaped twice, and all of it read and scanned for every request, mostly in vain. */
function compressed(bytes: Buffer): string {
  const base64 = deflateRawSync(bytes, { level: 9 }).toString('base64');
  return `require("node:zlib").inflateRawSync(Buffer.from("${base64}", "base64")).toString()`;
}

function toModule(data: unknown): OnLoadResult {
  const text = JSON.stringify(data);
  const bytes = Buffer.from(text);
  const isAscii = bytes.length === text.length;
  return { contents: `module.exports = JSON.parse(${isAscii ? JSON.stringify(text) : compressed(bytes)})`, loader: 'js' };
}

/** Built-in modules without an import statement. */
const builtIns: Plugin = {
  name: 'built-in modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:|^[a-z_]+(?:\/[a-z]+)?$/ }, ({ path }) => {
      const name = path.replace(/^node:/, '');
      return process.getBuiltinModule(name) ? { path: name, namespace: 'built-in' } : undefined;
    });
    onLoad({ filter: /.*/, namespace: 'built-in' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
      loader: 'js',
    }));
  },
};
