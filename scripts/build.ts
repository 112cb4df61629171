// Makes dist/: the package as ES modules with declarations, and of each cgi-bin/<name>.ts one
// executable CommonJS file that needs no node_modules.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { buildScript } from '../src/build/index.ts';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });

// The package is read as it is: no source maps, and every function keeps its name, for the stacks in its users' logs.
const modules = {
  outdir: 'dist',
  outbase: 'src',
  bundle: true,
  // All other packages are built in; an installation brings nothing along.
  external: ['esbuild'],
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
} satisfies BuildOptions;
/** For what Node reads, every byte of it, for every request. */
const dense: BuildOptions = { minifyWhitespace: true, lineLimit: 120 };

// In one file: each further one would cost a script that is not built half a millisecond.
await build({
  ...modules,
  ...dense,
  entryPoints: ['src/index.ts'],
  plugins: [
    {
      name: 'what stays is loaded only to stay',
      setup({ onResolve }) {
        onResolve({ filter: /^\.\/(?:fastcgi|scgi|workers)\// }, ({ path }) => ({ path: path.replace(/\.ts$/, '.js'), external: true }));
      },
    },
  ],
});
/** What instanceof asks about, and what keeps a descriptor for later. */
const SINGLE = ['errors.ts', 'gateway/file-wrapper.ts', 'run.ts'];
// The rest has copies of what it needs from there, but for what must be the same everywhere.
const { metafile } = await build({
  ...modules,
  entryPoints: [
    'cli/commands',
    'built-script/prepare-process',
    'built-script/withhold-ports',
    'fastcgi/index',
    'fetch/index',
    'fetch/light',
    'fetch/light/index',
    'node/index',
    'workers/lifetime',
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
      name: 'what there is one of comes from the main entry',
      setup({ onResolve }) {
        onResolve({ filter: /\/(?:errors|file-wrapper|run)\.ts$/ }, ({ resolveDir, path }) =>
          SINGLE.includes(relative('src', join(resolveDir, path))) ? { path: 'run-with-cgi', external: true } : undefined,
        );
      },
    },
  ],
});

// CommonJS, because this is the interpreter of CGI scripts: Node's loader for ES modules costs a fifth of its start.
await build({
  ...modules,
  ...dense,
  entryPoints: ['src/cli/main.ts'],
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  // An old one must understand it, to say that it is too old.
  target: 'node12',
  supported: { 'dynamic-import': true },
  banner: { js: '#!/usr/bin/env node' },
  plugins: [
    {
      name: 'the rest is the package',
      setup({ onResolve }) {
        onResolve({ filter: /\/index\.ts$/ }, ({ path }) => ({ path: path.replace(/\.ts$/, '.js'), external: true }));
        onResolve({ filter: /\/commands\.ts$/ }, () => ({ path: './commands.js', external: true }));
        // Else it is left away, for it exports nothing.
        onResolve({ filter: /\/version\.ts$/ }, ({ path, resolveDir }) => ({ path: join(resolveDir, path), sideEffects: true }));
      },
    },
  ],
});
chmodSync('dist/cli/main.cjs', 0o755);

writeFileSync('dist/THIRD-PARTY-LICENSES.txt', licences(metafile));

mkdirSync('dist/cgi-bin');
for (const name of readdirSync('cgi-bin')) {
  if (name.endsWith('.ts')) await buildScript(join('cgi-bin', name), join('dist/cgi-bin', name.replace(/\.ts$/, '.cgi')));
}

execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });

/** The notices that the licences of the packages in a build want to be kept. */
function licences({ inputs }: Metafile): string {
  const folders = Object.keys(inputs).map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? '');
  const notices = [...new Set(folders)].filter(Boolean).map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8').trim()}\n`;
  });
  return `Parts of these packages are in the files beside this one.\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
