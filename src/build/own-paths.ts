// What modules of a bundle read as __dirname, __filename and import.meta: in one file all of them are at one place, but each
// looks for its files from where it was.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { loadEsbuild } from './esbuild.ts';

/** JavaScript for each of them: a name, or JSON. */
export interface OwnPath {
  filename: string;
  dirname: string;
  url: string;
}

const ASKS = /\b__dirname\b|\b__filename\b|\bimport\s*\.\s*meta\b/;

/** Puts in their place what `pathOf` says of a module's path; undefined leaves them as they are. `options` are those of the bundle. */
export function ownPaths(pathOf: (path: string) => OwnPath | undefined, { target, platform }: BuildOptions): Plugin {
  return {
    name: 'paths of modules',
    setup({ onLoad }) {
      onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
        if (!ASKS.test(await readFile(path, 'utf8'))) return undefined;
        const own = pathOf(path);
        if (!own) return undefined;
        // By itself, since names are defined for a whole build.
        const { build } = await loadEsbuild();
        const result = await build({
          entryPoints: [path],
          outfile: join(dirname(path), 'own-paths.js'), // for the names in the source map
          write: false,
          logLevel: 'silent',
          sourcemap: 'inline',
          ...(target !== undefined && { target }),
          ...(platform !== undefined && { platform }),
          define: {
            __dirname: own.dirname,
            __filename: own.filename,
            'import.meta.dirname': own.dirname,
            'import.meta.filename': own.filename,
            'import.meta.url': own.url,
          },
        }).catch(() => undefined); // the bundle will say it better
        const text = result?.outputFiles[0]?.text;
        return text === undefined ? undefined : { contents: text, loader: 'js', resolveDir: dirname(path) };
      });
    },
  };
}
