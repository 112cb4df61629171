// mime-types, which Express and Koa ask about nearly every response, makes its tables of a database of 2,500 types
// whenever it is loaded: a fifth of what such an application takes for its first answer. In a bundle they are made already.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

interface Tables {
  extensions: Record<string, readonly string[]>;
  types: Record<string, string>;
  _extensionConflicts?: unknown;
}

const MAKE = 'populateMaps(exports.extensions, exports.types)';
const DATABASE = "require('mime-db')";

/** A version of the package that is made in another way is left as it is. */
export const mimeTypes: Plugin = {
  name: 'the tables of mime-types',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/]mime-types[\\/]index\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (text.split(MAKE).length !== 2 || text.split(DATABASE).length !== 2) return undefined;
      const require = createRequire(path);
      const { extensions, types, _extensionConflicts: conflicts }: Tables = require(path);
      const database: Record<string, { charset?: string }> = require('mime-db');
      // What is asked of it later is the charset of a type.
      const charsets = Object.entries(database).flatMap(([type, { charset }]) =>
        charset === undefined ? [] : [[type, { charset }] as const],
      );
      const made = [
        `Object.assign(exports.extensions, ${parsed(extensions)})`,
        `Object.assign(exports.types, ${parsed(types)})`,
        ...(conflicts === undefined ? [] : [`exports._extensionConflicts = ${parsed(conflicts)}`]),
      ];
      return {
        contents: text.replace(DATABASE, parsed(Object.fromEntries(charsets))).replace(MAKE, `${made.join(';\n')};\n`),
        loader: 'js',
      };
    });
  },
};

/** V8 parses JSON faster than the same as JavaScript. */
function parsed(value: unknown): string {
  return `JSON.parse(${JSON.stringify(JSON.stringify(value))})`;
}
