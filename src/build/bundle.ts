// A module and everything it imports as one CommonJS source.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { type BuildFailure, type BuildOptions, build, type Message, type OnLoadResult, type Plugin } from 'esbuild';
import { Problem } from '../cli/problem.ts';
import type { Entry } from './entry.ts';
import { lazyBuiltIns } from './lazy-built-ins.ts';
import { mimeTypes } from './mime-types.ts';

export interface Bundle {
  source: string;
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
}

/** Characters. */
const LARGE = 10_000;

const requireHere = createRequire(import.meta.url);
const { resolve: resolveOwn } = requireHere;
const packageFolder = dirname(resolveOwn('run-with-cgi/package.json'));

/** Bundles `entry` into a script: a module's path, or JavaScript whose imports start from `folder`. Throws a `Problem` that says what cannot be put into one file. */
export async function bundle(entry: Entry, folder: string, options: BundleOptions): Promise<Bundle> {
  const { runtime, external, isWarm, keepEnv, withholdsPorts } = options;
  const settings: Settings = {
    ...common(external),
    ...('path' in entry
      ? { entryPoints: [entry.path] }
      : { stdin: { contents: entry.contents, resolveDir: folder, sourcefile: 'run-with-cgi-entry.js', loader: 'js' } }),
    outfile: join(folder, 'script.cjs'),
    format: 'cjs',
    // Not the names: an error may be called what its class is, and that goes to clients. They cost nothing that could be measured.
    minifyWhitespace: true,
    minifySyntax: true,
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
      'build/first',
      ...(withholdsPorts ? ['build/no-ports'] : []),
      ...(isWarm ? ['warm/index'] : []),
      ...(runtime === 'node' ? ['fetch/light/index'] : []),
    ].map((name) => join(packageFolder, `dist/${name}.js`)),
    plugins: [ownPackage(runtime === 'node'), noAddons, mimeTypes, largeData, ...(runtime === 'node' ? [lazyBuiltIns] : [])],
  };
  try {
    return toBundle(await withoutMissing(external, (external) => build({ ...settings, external })));
  } catch (error) {
    if (isBuildFailure(error) && error.errors.every(({ text }) => text.includes('Top-level await is currently not supported'))) {
      return awaiting(settings, external);
    }
    throw toProblem(error);
  }
}

/** A module that awaits something at its top has to be in a function that may wait. */
async function awaiting(settings: Settings, external: readonly string[]): Promise<Bundle> {
  try {
    const plugins = [...settings.plugins, builtIns];
    const { source, map, warnings } = toBundle(
      await withoutMissing(external, (external) => build({ ...settings, format: 'esm', plugins, external })),
    );
    return { source: `(async()=>{${source}})()`, map, warnings };
  } catch (error) {
    throw toProblem(error);
  }
}

/** Bundles the module `path` into an ES module with its exports, so that it can be looked at whatever it is written in. */
export async function bundleModule(path: string, outfile: string, external: readonly string[]): Promise<void> {
  await withoutMissing(external, (external) =>
    build({
      ...common(external),
      entryPoints: [path],
      outfile,
      format: 'esm',
      banner: {
        js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url),{filename:__filename,dirname:__dirname}=import.meta;",
      },
      plugins: [ownPackage(false), noAddons],
      write: true,
    }),
  ).catch((error: unknown) => {
    throw toProblem(error);
  });
}

/**
 * A package may name others that it can do without, and that are not installed: class-validator for NestJS, say. They are left
 * to be missed when they are asked for, as Node would.
 */
async function withoutMissing<Result>(external: readonly string[], bundled: (external: string[]) => Promise<Result>): Promise<Result> {
  try {
    return await bundled([...external]);
  } catch (error) {
    const missing = isBuildFailure(error) ? error.errors.flatMap(missingPackage) : [];
    if (missing.length === 0) throw error;
    return withoutMissing([...external, ...missing], bundled);
  }
}

/** What a message says that a package could not find; nothing where it is about something else, or about the author's own module. */
function missingPackage({ text, location }: Message): string[] {
  const [, name] = /^Could not resolve "([^"./][^"]*)"$/.exec(text) ?? [];
  return name !== undefined && location?.file.includes('node_modules/') ? [name] : [];
}

type Settings = BuildOptions & { write: false; plugins: Plugin[] };

function common(external: readonly string[]) {
  return {
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    legalComments: 'none',
    external: [...external],
    loader: { '.wasm': 'binary', '.txt': 'text', '.html': 'text', '.css': 'text', '.svg': 'text', '.sql': 'text' },
    logLevel: 'silent',
    logOverride: { 'ignored-bare-import': 'silent' }, // chunks of our own package
    write: false,
  } satisfies BuildOptions;
}

function toProblem(error: unknown): unknown {
  return isBuildFailure(error) ? new Problem('build-failed', error.errors.map(describe).join('\n')) : error;
}

function toBundle({ outputFiles, warnings }: { outputFiles: { path: string; text: string }[]; warnings: Message[] }): Bundle {
  const text = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  return { source: text('.cjs'), map: text('.map'), warnings: warnings.map(describe) };
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
  setup({ onResolve }) {
    onResolve({ filter: /\.node$/ }, ({ path, importer }) => ({
      errors: [
        {
          text: `${path}, which ${relative('', importer)} needs, is a native addon, and cannot be put into one file; leave its package out by --external, and install that where the script runs`,
        },
      ],
    }));
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
