// An esbuild plugin: builds in the view engine of Express. Express requires it by the name in a setting, which no bundler sees:
// app.set('view engine', 'pug').

import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

const REQUIRE = 'require(mod)';

/** Returns the names of the view engines that the source of a bundle sets. */
export function viewEnginesOf(source: string): string[] {
  const settings = source.matchAll(/["'`]view engine["'`],\s*["'`]\.?([\w-]+)["'`]/g);
  return [...new Set([...settings].map(([, name = '']) => name))];
}

/** Makes Express find those of `engines` that a module in `folder` could import. */
export function viewEngines(engines: readonly string[], folder: string): Plugin {
  return {
    name: 'view engines',
    setup({ onLoad, resolve }) {
      onLoad({ filter: /[\\/]lib[\\/]view\.js$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (!text.includes(`${REQUIRE}.__express`)) return undefined;
        const found = await Promise.all(
          engines.map(async (name) => {
            const { path, errors } = await resolve(name, { resolveDir: folder, kind: 'require-call' });
            return errors.length > 0 ? [] : [`${JSON.stringify(name)}:()=>require(${JSON.stringify(path)})`];
          }),
        );
        return { contents: text.replace(REQUIRE, `({${found.flat().join()}}[mod]||(()=>${REQUIRE}))()`), loader: 'js' };
      });
    },
  };
}
