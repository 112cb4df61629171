// Makes dist/: the package as ES modules with declarations, and of each cgi-bin/<name>.ts one
// executable CommonJS file that needs no node_modules.

import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
};

await build({
  ...common,
  entryPoints: ['src/index.ts'],
  outdir: 'dist',
  format: 'esm',
  splitting: true,
  minifySyntax: true,
});

await build({
  ...common,
  entryPoints: readdirSync('cgi-bin')
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('cgi-bin', name)),
  outdir: 'dist/cgi-bin',
  outExtension: { '.js': '.cgi' },
  format: 'cjs',
  minify: true,
  keepNames: false,
  banner: { js: '#!/usr/bin/env node' },
});
for (const name of readdirSync('dist/cgi-bin')) {
  if (name.endsWith('.cgi')) chmodSync(join('dist/cgi-bin', name), 0o755);
}

// Without this, Node would look further up, find "type": "module", and refuse the ending .cgi.
writeFileSync('dist/cgi-bin/package.json', '{ "type": "commonjs" }\n');

execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
