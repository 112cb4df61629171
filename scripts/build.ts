// Makes dist/: the package as ES modules with declarations, and of each cgi-bin/<name>.ts one
// executable CommonJS file that needs no node_modules.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { buildScript } from '../src/build/index.ts';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });

const modules: BuildOptions = {
  outdir: 'dist',
  outbase: 'src',
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minify: true, // Node reads every byte of it for every request; the source maps lead back
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
};

// In one file: each further one would cost a script that is not built half a millisecond.
await build({
  ...modules,
  entryPoints: ['src/index.ts'],
  plugins: [
    {
      name: 'what stays is loaded only to stay',
      setup({ onResolve }) {
        onResolve({ filter: /^\.\/(?:fastcgi|scgi|resident)\// }, ({ path }) => ({ path: path.replace(/\.ts$/, '.js'), external: true }));
      },
    },
  ],
});
/** What instanceof asks about, and what keeps a descriptor for later. */
const SINGLE = ['errors.ts', 'gateway/file-wrapper.ts', 'run.ts'];
// The rest has copies of what it needs from there, but for what must be the same everywhere.
await build({
  ...modules,
  entryPoints: [
    'cli/commands',
    'build/first',
    'fastcgi/index',
    'fetch/index',
    'fetch/light',
    'fetch/light/index',
    'node/index',
    'resident/serve',
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
  // Errors show the names of their classes.
  minify: false,
  minifyWhitespace: true,
  minifySyntax: true,
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
  entryPoints: ['src/cli/main.ts'],
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  banner: { js: '#!/usr/bin/env node' },
  plugins: [
    {
      name: 'the rest is the package',
      setup({ onResolve }) {
        onResolve({ filter: /\/index\.ts$/ }, ({ path }) => ({ path: path.replace(/\.ts$/, '.js'), external: true }));
        onResolve({ filter: /\/commands\.ts$/ }, () => ({ path: './commands.js', external: true }));
      },
    },
  ],
});
chmodSync('dist/cli/main.cjs', 0o755);

mkdirSync('dist/cgi-bin');
for (const name of readdirSync('cgi-bin')) {
  if (name.endsWith('.ts')) await buildScript(join('cgi-bin', name), join('dist/cgi-bin', name.replace(/\.ts$/, '.cgi')));
}
// Without this, Node would look further up, find "type": "module", and refuse the ending .cgi.
writeFileSync('dist/cgi-bin/package.json', '{ "type": "commonjs" }\n');

execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
