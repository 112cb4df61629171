// Bundles a module and everything that it imports into one CommonJS source, by esbuild.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, BuildOptions, BuildResult, Location, Message, OnLoadResult, Plugin } from 'esbuild';
import { UserError } from '../load/user-error.ts';
import type { AssetPaths } from './assets.ts';
import { compressedText } from './compressed-text.ts';
import type { Entry } from './entry.ts';
import { loadEsbuild } from './esbuild.ts';
import { knownPackages } from './known-packages.ts';
import { lazyBuiltIns } from './lazy-built-ins.ts';
import { mimeTypes } from './mime-types.ts';
import { ownPaths } from './own-paths.ts';
import { packageFolder } from './package-folder.ts';
import { bunModules, mayListen } from './standalone/bun-program.ts';
import { viewEngines, viewEnginesOf } from './view-engines.ts';

export interface Bundle {
  source: string;
  /** Statements to run before the source, in one line. */
  before: string;
  /** The paths of all files in the bundle. */
  inputs: string[];
  /** The source map, as JSON. */
  map: string;
  warnings: string[];
}

export interface BundleOptions {
  runtime: 'node' | 'bun';
  /** Whether Bun compiles the bundle into an executable. */
  isCompiledByBun: boolean;
  /** Modules that are not built in, but required when the script runs. */
  external: readonly string[];
  isWarm: boolean;
  /** Variables that the worker of a warm script keeps. */
  keepEnv: readonly string[];
  /** Whether modules that call listen() open no port. */
  withholdsPorts: boolean;
  /** The paths that modules read as their own; undefined for an application without assets. */
  assets: AssetPaths | undefined;
}

/** A JSON file of so many characters is parsed only when it is used. */
const LARGE_JSON = 10_000;

const requireHere = createRequire(import.meta.url);
const { resolve: resolveOwn } = requireHere;

/** Bundles `entry`: the module at a path, or JavaScript whose imports start from `folder`. Throws a `UserError` when something cannot be bundled. */
export async function bundle(entry: Entry, folder: string, options: BundleOptions): Promise<Bundle> {
  const { runtime, isCompiledByBun, external, isWarm, keepEnv, withholdsPorts, assets } = options;
  const injected = (names: readonly string[]) => names.map((name) => join(packageFolder, `dist/${name}.js`));
  /** The first modules to run. */
  const first = ['built-script/prepare-process'];
  const settings: Settings = {
    ...common(external),
    ...('path' in entry
      ? { entryPoints: [entry.path] }
      : { stdin: { contents: entry.contents, resolveDir: folder, sourcefile: 'run-with-cgi-entry.js', loader: 'js' } }),
    outfile: join(folder, 'script.cjs'),
    format: 'cjs',
    // Names are not minified: an error is called by the name of its class, which may go to clients. The time is the same.
    minifyWhitespace: true,
    lineLimit: 200, // Node prints the line of an uncaught error into the log
    sourcemap: 'external',
    // import() of a built-in module becomes require(): code from V8's cache has no loader for import().
    supported: { 'dynamic-import': false },
    define: {
      'import.meta.url': '__runWithCgiUrl',
      'import.meta.filename': '__filename',
      'import.meta.dirname': '__dirname',
      'process.env.NODE_ENV': '"production"',
      __runWithCgiKeepEnv: JSON.stringify(keepEnv.join(' ')), // no list: esbuild 0.28 crashes on one
    },
    // These modules run before the modules of the application.
    inject: injected([
      ...first,
      ...(withholdsPorts && !isCompiledByBun ? ['built-script/withhold-ports'] : []),
      ...(isWarm ? ['warm/index'] : []),
      ...(runtime === 'node' ? ['fetch/light/index'] : []),
    ]),
    plugins: [
      ...[ownPackage(runtime === 'node'), noAddons, mimeTypes, knownPackages, largeData],
      ...(assets ? [ownPaths(assets.pathOf, common(external))] : []),
      ...(runtime === 'node' ? [lazyBuiltIns] : []),
      ...(isCompiledByBun ? [bunModules(join(packageFolder, 'dist'))] : []),
    ],
  };
  try {
    let made = await makeBundle(settings);
    if (isCompiledByBun && withholdsPorts && mayListen(made.source)) {
      // Only such a program gets withhold-ports, which loads node:http.
      settings.inject = injected([...first, 'built-script/withhold-ports']);
      made = await makeBundle(settings);
    }
    const engines = viewEnginesOf(made.source);
    if (engines.length > 0) made = await makeBundle({ ...settings, plugins: [viewEngines(engines, folder), ...settings.plugins] });
    const url = made.source.includes('__runWithCgiUrl') ? 'const __runWithCgiUrl=require("url").pathToFileURL(__filename).href;' : '';
    return { ...made, before: `${url}${assets?.declarations(made.source) ?? ''}` };
  } catch (error) {
    throw toUserError(error);
  }
}

async function makeBundle(settings: Settings): Promise<Omit<Bundle, 'before'>> {
  try {
    return toBundle(await buildWithoutMissing(settings));
  } catch (error) {
    if (isBuildFailure(error) && error.errors.every(({ text }) => text.includes('Top-level await is currently not supported'))) {
      // CommonJS has no top-level await: the modules go into an async function.
      const made = toBundle(await buildWithoutMissing({ ...settings, format: 'esm', plugins: [...settings.plugins, builtIns] }));
      return { ...made, source: `(async()=>{${made.source}})()` };
    }
    throw error;
  }
}

/** Bundles the module `path` into an ES module with its exports, which Node can load whatever the module is written in. */
export async function bundleModule(path: string, outfile: string, external: readonly string[]): Promise<void> {
  const settings = common(external);
  const pathOf = (path: string) => ({
    filename: JSON.stringify(path),
    dirname: JSON.stringify(dirname(path)),
    url: JSON.stringify(pathToFileURL(path).href),
  });
  await buildWithoutMissing({
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
    throw toUserError(error);
  });
}

/**
 * Builds, and leaves out the modules that an installed package names but that are not installed: optional packages, as
 * class-validator for NestJS, and native addons that are not compiled. Requiring one of them fails when the script runs, as
 * without a bundle.
 */
async function buildWithoutMissing(settings: Settings): Promise<BuildResult> {
  const { build } = await loadEsbuild();
  try {
    return await build(settings);
  } catch (error) {
    const errors = isBuildFailure(error) ? error.errors.filter(isInPackage) : [];
    const packages = errors.flatMap(({ text }) => /^Could not resolve "([^"./][^"]*)"$/.exec(text)?.[1] ?? []);
    const patterns = errors.flatMap(({ text, location }) => (location && /^Could not resolve \w+\("/.test(text) ? [location] : []));
    if (packages.length + patterns.length === 0) throw error;
    return buildWithoutMissing({
      ...settings,
      external: [...settings.external, ...packages],
      plugins: patterns.length === 0 ? settings.plugins : [keepRequire(patterns), ...settings.plugins],
    });
  }
}

/** Whether the message is about a module in node_modules, not about the author's own. */
function isInPackage({ location }: Message): boolean {
  return location?.file.includes('node_modules/') ?? false;
}

/** Keeps each require() at `places` as it is. Its name is made at run time: the bundler would look for files that match it, and find none. */
function keepRequire(places: readonly Location[]): Plugin {
  return {
    name: 'names made at run time',
    setup({ onLoad }) {
      onLoad({ filter: /node_modules/ }, async ({ path }) => {
        const found = places.filter(({ file }) => resolve(file) === path);
        if (found.length === 0) return undefined;
        const lines = (await readFile(path, 'latin1')).split('\n'); // esbuild counts columns in bytes
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
    // A module that is a CGI script by its first line may be called .cgi.
    loader: { '.cgi': 'js', '.wasm': 'binary', '.txt': 'text', '.html': 'text', '.css': 'text', '.svg': 'text', '.sql': 'text' },
    logLevel: 'silent',
    logOverride: { 'ignored-bare-import': 'silent' }, // about chunks of our own package
    metafile: true,
    write: false,
  } satisfies BuildOptions;
}

function toUserError(error: unknown): unknown {
  return isBuildFailure(error) ? new UserError('build-failed', error.errors.map(formatMessage).join('\n')) : error;
}

function toBundle({ outputFiles = [], metafile, warnings }: BuildResult): Omit<Bundle, 'before'> {
  const text = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  const inputs = Object.keys(metafile?.inputs ?? {}).map((path) => resolve(path));
  // The #! line of a module that runs itself becomes a comment, because the source goes into a function.
  const source = text('.cjs').replace(/^#!/, '//#!');
  return { source, inputs, map: text('.map'), warnings: warnings.map(formatMessage) };
}

/** Returns a message of esbuild with its place: "app.mjs:2: …". */
function formatMessage({ text, location }: Message): string {
  return location ? `${relative('', location.file)}:${location.line}: ${text}` : text;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error;
}

/** Resolves imports of run-with-cgi to this very package. With `isLight`, run-with-cgi/fetch is the entry with the light classes. */
function ownPackage(isLight: boolean): Plugin {
  return {
    name: 'run-with-cgi',
    setup({ onResolve }) {
      onResolve({ filter: /^run-with-cgi(?:\/|$)/ }, ({ path }) => ({
        path: path === 'run-with-cgi/fetch' && isLight ? join(packageFolder, 'dist/fetch/index-light.js') : resolveOwn(path),
      }));
    },
  };
}

const noAddons: Plugin = {
  name: 'native addons',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /\.node$/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === noAddons) return undefined;
      // The file may be "platform.node.js".
      const found = await resolve(path, { importer, kind, resolveDir, pluginData: noAddons });
      if (found.errors.length === 0 && !found.path.endsWith('.node')) return found;
      return {
        errors: [
          {
            text: `${path}, which ${relative('', importer)} needs, is a native addon, which cannot be built in; leave its package out by --external, and install it where the script runs`,
          },
        ],
      };
    });
  },
};

/** Makes large JSON files strings that are parsed when they are used. V8 parses JSON faster than the same data as JavaScript. */
const largeData: Plugin = {
  name: 'large data',
  setup({ onLoad }) {
    onLoad({ filter: /\.json$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return text.length < LARGE_JSON ? undefined : toModule(JSON.parse(text));
    });
    // The tables of a hundred encodings: iconv-lite is in every parser of request bodies.
    onLoad({ filter: /\/iconv-lite\/encodings\/sbcs-data-generated\.js$/ }, ({ path }) => toModule(requireHere(path)));
  },
};

function toModule(data: unknown): OnLoadResult {
  const text = JSON.stringify(data);
  const bytes = Buffer.from(text);
  const isAscii = bytes.length === text.length;
  return { contents: `module.exports = JSON.parse(${isAscii ? JSON.stringify(text) : compressedText(bytes)})`, loader: 'js' };
}

/** Replaces import statements of built-in modules, which the async function around a top-level await cannot have. */
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
