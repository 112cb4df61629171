// An esbuild plugin: makes the tables of mime-types when the script is built. Express and Koa use that package for nearly every
// response. Whenever it is loaded it makes its tables from a database of 2,500 types, a fifth of the time of a first answer. In
// the bundle it takes the types of common files from a short table, and makes a whole one only for a program that asks for more.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';
import { compressedText } from './compressed-text.ts';

interface Tables {
  extensions: Record<string, readonly string[]>;
  types: Record<string, string>;
  _extensionConflicts?: unknown;
}

const MAKE = 'populateMaps(exports.extensions, exports.types)';
const DATABASE = "require('mime-db')";
const LOOK_UP = 'return exports.types[extension]';

/** The extensions in the short table. */
const COMMON =
  'html htm xhtml txt text json jsonld bin js mjs cjs css map svg xml rss atom png jpg jpeg gif webp avif bmp ico tif tiff woff woff2 ttf otf eot wasm pdf csv md rtf doc docx xls xlsx ppt pptx odt ods zip gz tar 7z bz2 mp3 m4a ogg wav flac mp4 webm mov avi ts ics vcf yaml yml webmanifest urlencoded multipart';

/** Makes the tables `extensions` and `types` when a program first reads or replaces them. From then on the short table is not used. */
const LAZY_TABLES = `var common = COMMON
function defineTable (name, read) {
  function define (value) {
    if (name === 'types') common = { __proto__: null }
    Object.defineProperty(exports, name, { configurable: true, enumerable: true, writable: true, value: value })
    return value
  }
  Object.defineProperty(exports, name, {
    configurable: true,
    enumerable: true,
    get: function () { return define(Object.assign(Object.create(null), read())) },
    set: define
  })
}
`;

/** The plugin. It leaves alone a version of the package that makes its tables in another way. */
export const mimeTypes: Plugin = {
  name: 'the tables of mime-types',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/]mime-types[\\/]index\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (![MAKE, DATABASE, LOOK_UP].every((line) => text.split(line).length === 2)) return undefined;
      const require = createRequire(path);
      const { extensions, types, _extensionConflicts: conflicts }: Tables = require(path);
      const database: Record<string, { charset?: string }> = require('mime-db');
      // Later the package reads only the charset of a type from the database.
      const charsets = Object.entries(database).flatMap(([type, { charset }]) =>
        charset === undefined ? [] : [[type, { charset }] as const],
      );
      const common = COMMON.split(' ').flatMap((extension) => {
        const type = types[extension];
        return type === undefined ? [] : [[extension, type] as const];
      });
      const statements = [
        LAZY_TABLES.replace('COMMON', () => `{ __proto__: null, ...${JSON.stringify(Object.fromEntries(common))} }`),
        `defineTable('extensions', () => ${tableExpression(extensions)})`,
        `defineTable('types', () => ${tableExpression(types)})`,
        ...(conflicts === undefined ? [] : [`exports._extensionConflicts = ${JSON.stringify(conflicts)}`]),
      ];
      return {
        contents: text
          .replace(DATABASE, JSON.stringify(Object.fromEntries(charsets)))
          .replace(MAKE, () => statements.join('\n'))
          .replace(LOOK_UP, 'return common[extension] || exports.types[extension]'),
        loader: 'js',
      };
    });
  },
};

/** Returns an expression for a table. */
function tableExpression(table: object): string {
  return `JSON.parse(${compressedText(Buffer.from(JSON.stringify(table)))})`;
}
