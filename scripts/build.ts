// Makes dist/: the package as ES modules with declarations, and of each cgi-bin/<name>.ts one
// executable CommonJS file that needs no node_modules.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildScript } from '../src/build/script-file.ts';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });

await build({
  entryPoints: ['src/index.ts', 'src/host/index.ts', 'src/server/index.ts'],
  outbase: 'src',
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
});

mkdirSync('dist/cgi-bin');
for (const name of readdirSync('cgi-bin')) {
  if (name.endsWith('.ts')) await buildScript(join('cgi-bin', name), join('dist/cgi-bin', name.replace(/\.ts$/, '.cgi')));
}
// Without this, Node would look further up, find "type": "module", and refuse the ending .cgi.
writeFileSync('dist/cgi-bin/package.json', '{ "type": "commonjs" }\n');

execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
