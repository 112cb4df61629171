// Express requires a view engine by the name that a setting has, which no bundler sees: app.set('view engine', 'pug').

import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

const REQUIRE = 'require(mod)';

/** Returns the engines that a bundle sets. */
export function viewEnginesOf(source: string): string[] {
  const settings = source.matchAll(/["'`]view engine["'`],\s*["'`]\.?([\w-]+)["'`]/g);
  return [...new Set([...settings].map(([, name = '']) => name))];
}

/** Has Express find those of `engines` that are installed for `folder`. */
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
