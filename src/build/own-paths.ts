// An esbuild plugin: keeps __dirname, __filename and import.meta different for each module of a bundle. All modules of a bundle
// are in one file, but each looks for its files from its own place.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { loadEsbuild } from './esbuild.ts';

/** The paths that a module reads as its paths. Each is a JavaScript expression: a name, or JSON. */
export interface OwnPath {
  filename: string;
  dirname: string;
  url: string;
}

const USES_OWN_PATH = /\b__dirname\b|\b__filename\b|\bimport\s*\.\s*meta\b/;

/**
 * Returns the plugin. It replaces these names in each module by the paths that `pathOf` returns for the module's own path;
 * undefined leaves the module alone. The options are those of the bundle.
 */
export function ownPaths(pathOf: (path: string) => OwnPath | undefined, { target, platform }: BuildOptions): Plugin {
  return {
    name: 'own paths',
    setup({ onLoad }) {
      onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
        if (!USES_OWN_PATH.test(await readFile(path, 'utf8'))) return undefined;
        const paths = pathOf(path);
        if (!paths) return undefined;
        // Each module is translated in a build of its own, since esbuild defines names for a whole build.
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
            __dirname: paths.dirname,
            __filename: paths.filename,
            'import.meta.dirname': paths.dirname,
            'import.meta.filename': paths.filename,
            'import.meta.url': paths.url,
          },
        }).catch(() => undefined); // the build of the bundle reports the error
        const text = result?.outputFiles[0]?.text;
        return text === undefined ? undefined : { contents: text, loader: 'js', resolveDir: dirname(path) };
      });
    },
  };
}
