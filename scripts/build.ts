// Makes dist/: the package as ES modules with declarations, the command as one CommonJS file, and one built script of each
// cgi-bin/<name>.ts.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { buildScript } from '../src/build/index.ts';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });

// There are no source maps: functions keep their names and lines are short, so that stacks in the users' logs are readable.
const modules = {
  outdir: 'dist',
  outbase: 'src',
  bundle: true,
  // All other packages are built in, so that an installation installs no others.
  external: ['esbuild'],
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  legalComments: 'none',
  minifyWhitespace: true,
  lineLimit: 120,
  logLevel: 'warning',
  metafile: true,
} satisfies BuildOptions;

// The main entry is one file: each further file would cost a script that is not built half a millisecond.
await build({
  ...modules,
  entryPoints: ['src/index.ts'],
  plugins: [
    {
      name: 'resident gateways are loaded only by a resident process',
      setup({ onResolve }) {
        onResolve({ filter: /^\.\/(?:fastcgi|scgi|workers)\// }, ({ path }) => ({ path: path.replace(/\.ts$/, '.js'), external: true }));
      },
    },
  ],
});
/** Modules of which there must be one copy: their classes are for instanceof, or they keep state. */
const SINGLE = ['errors.ts', 'gateway/file-wrapper.ts', 'run.ts'];
// The other entries have copies of the modules that they share with the main entry, but for those single ones.
const { metafile } = await build({
  ...modules,
  entryPoints: [
    'cli/commands',
    'built-script/prepare-process',
    'built-script/withhold-ports',
    'doctor/page',
    'fastcgi/index',
    'fetch/index',
    'fetch/index-light',
    'fetch/light/index',
    'node/index',
    'workers/serve-until-stopped',
    'scgi/index',
    'headers',
    'host/index',
    'middleware/index',
    'server/index',
    'testing/index',
    'util',
    'validator/index',
    'warm/index',
  ].map((name) => `src/${name}.ts`),
  splitting: true,
  plugins: [
    {
      name: 'single modules come from the main entry',
      setup({ onResolve }) {
        onResolve({ filter: /\/(?:errors|file-wrapper|run)\.ts$/ }, ({ resolveDir, path }) =>
          SINGLE.includes(relative('src', join(resolveDir, path))) ? { path: 'run-with-cgi', external: true } : undefined,
        );
      },
    },
  ],
});

// build puts this function into scripts as text. To export it would take esbuild helpers, a third of its time.
const codeCache = await build({
  ...modules,
  entryPoints: ['src/built-script/code-cache.ts'],
  charset: 'ascii',
  minify: true,
  lineLimit: 120,
  write: false,
});
const [, statements, name] = /^(.*)export\{(\w+) as compileByCache\};\s*$/s.exec(codeCache.outputFiles[0]?.text ?? '') ?? [];
if (statements === undefined) throw new Error('code-cache.ts exports something else than compileByCache');
writeFileSync('dist/built-script/code-cache.js', `(()=>{"use strict";${statements}return ${name}})()\n`);

// The command is CommonJS because it is the interpreter of CGI scripts, too: Node's loader for ES modules costs a fifth of its start.
await build({
  ...modules,
  entryPoints: ['src/cli/main.ts'],
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  // A Node that is too old must understand the file to say so.
  target: 'node12',
  supported: { 'dynamic-import': true },
  banner: { js: '#!/usr/bin/env node' },
  plugins: [
    {
      name: 'the rest comes from the package',
      setup({ onResolve }) {
        onResolve({ filter: /\/index\.ts$/ }, ({ path }) => ({ path: path.replace(/\.ts$/, '.js'), external: true }));
        onResolve({ filter: /\/commands\.ts$/ }, () => ({ path: './commands.js', external: true }));
        // version.ts exports nothing; without this, esbuild would leave it out.
        onResolve({ filter: /\/version\.ts$/ }, ({ path, resolveDir }) => ({ path: join(resolveDir, path), sideEffects: true }));
      },
    },
  ],
});
chmodSync('dist/cli/main.cjs', 0o755);

for (const name of ['relay.pl', 'relay-rest.pl']) copyFileSync(`src/warm/${name}`, `dist/warm/${name}`);
writeFileSync('dist/THIRD-PARTY-LICENSES.txt', licences(metafile));

mkdirSync('dist/cgi-bin');
for (const name of readdirSync('cgi-bin')) {
  if (name.endsWith('.ts')) await buildScript(join('cgi-bin', name), join('dist/cgi-bin', name.replace(/\.ts$/, '.cgi')));
}

execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
removeUnusedDeclarations();

/** Removes the declarations to which no entry of the package leads: they are more than half of all. */
function removeUnusedDeclarations(): void {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const used = new Set<string>();
  const follow = (path: string) => {
    if (used.has(path)) return;
    used.add(path);
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(/\b(?:from |import\(|import )["'](\.[^"']+)\.ts["']/g)) {
      follow(`${join(dirname(path), target)}.d.ts`);
    }
  };
  for (const { types } of Object.values<{ types?: string }>(exports)) if (types !== undefined) follow(join(types));
  for (const name of readdirSync('dist/types', { recursive: true, encoding: 'utf8' })) {
    const path = join('dist/types', name);
    if (path.endsWith('.d.ts') && !used.has(path)) rmSync(path);
  }
}

/** Returns the licences of the packages that are built in, which have to be passed on. */
function licences({ inputs }: Metafile): string {
  const folders = Object.keys(inputs).map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? '');
  const notices = [...new Set(folders)].filter(Boolean).map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8').trim()}\n`;
  });
  return `Parts of these packages are in the files beside this one.\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
