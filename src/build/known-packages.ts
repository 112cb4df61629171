// An esbuild plugin: makes well-known packages do less when they are loaded. Some of their lines are replaced by lines that do the
// same in less time. Some of their modules are required when they are first used, because most requests use none of them.
//
// Each file here was read: what it requires late has no effect on anything else while it is loaded. A version of a package that
// has other lines stays as it is.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Plugin } from 'esbuild';
import { loadEsbuild } from './esbuild.ts';

interface Change {
  /** A text that is in the file exactly once. */
  text: string;
  by: string;
}

/**
 * Returns the SHA-1 hash of `data` in Base64. node:crypto takes 1.4 ms to load, in which this function hashes 2 kB. It uses nothing from
 * outside itself, because its text goes into the bundle.
 */
export function sha1(data: string | Buffer): string {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const { length } = bytes;
  const padded = Buffer.alloc((length + 72) & ~63);
  bytes.copy(padded);
  padded[length] = 0x80;
  padded.writeUInt32BE(length * 8, padded.length - 4);
  const w = new Int32Array(80);
  let h0 = 0x67452301;
  let h1 = 0xefcdab89 | 0;
  let h2 = 0x98badcfe | 0;
  let h3 = 0x10325476;
  let h4 = 0xc3d2e1f0 | 0;
  for (let block = 0; block < padded.length; block += 64) {
    let a = h0;
    let b = h1;
    let c = h2;
    let d = h3;
    let e = h4;
    for (let t = 0; t < 80; t++) {
      const x = t < 16 ? 0 : (w[t - 3] as number) ^ (w[t - 8] as number) ^ (w[t - 14] as number) ^ (w[t - 16] as number);
      const word = t < 16 ? padded.readInt32BE(block + t * 4) : (x << 1) | (x >>> 31);
      w[t] = word;
      let f: number;
      if (t < 20) f = (d ^ (b & (c ^ d))) + 0x5a827999;
      else if (t < 40) f = (b ^ c ^ d) + 0x6ed9eba1;
      else if (t < 60) f = ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
      else f = (b ^ c ^ d) + 0xca62c1d6;
      const next = (((a << 5) | (a >>> 27)) + f + e + word) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    h0 = (h0 + a) | 0;
    h1 = (h1 + b) | 0;
    h2 = (h2 + c) | 0;
    h3 = (h3 + d) | 0;
    h4 = (h4 + e) | 0;
  }
  const hash = Buffer.alloc(20);
  hash.writeInt32BE(h0, 0);
  hash.writeInt32BE(h1, 4);
  hash.writeInt32BE(h2, 8);
  hash.writeInt32BE(h3, 12);
  hash.writeInt32BE(h4, 16);
  return hash.toString('base64');
}

/** The greatest length of a text or Buffer that `sha1` hashes. */
const SHORT = 4096;

/** Returns the change of a constant of which only test() is used. */
function lazyPattern(name: string, pattern: string): Change {
  return {
    text: `const ${name} = ${pattern};`,
    by: `const ${name} = { test(text) { this.pattern ??= ${pattern}; return this.pattern.test(text); } };`,
  };
}

/** The changes of files below node_modules. A file in which one of the texts is missing stays as it is. */
const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  'body-parser/lib/read.js': [
    // "in" would load node:zlib.
    {
      text: "const hasZstandardSupport = 'createZstdDecompress' in zlib",
      by: "const hasZstandardSupport = () => 'createZstdDecompress' in zlib",
    },
    { text: 'if (hasZstandardSupport)', by: 'if (hasZstandardSupport())' },
  ],
  // The first number of a line makes V8 look for all ends of lines in the bundle. The package needs only the name of the file.
  'depd/index.js': [
    {
      text: 'var site = callSiteLocation(stack[1])\n  var file = site[0]',
      by: 'var file = stack[1].getFileName() || callSiteLocation(stack[1])[0]',
    },
    // NO_DEPRECATION and TRACE_DEPRECATION are seldom set.
    { text: 'var vals = str.split(/[ ,]+/)', by: "if (str === '') return false\n  var vals = str.split(/[ ,]+/)" },
  ],
  // The property loads five modules of Node.
  'destroy/index.js': [
    { text: "var ReadStream = require('fs').ReadStream", by: "var fs = require('fs')" },
    { text: 'return stream instanceof ReadStream', by: 'return stream instanceof fs.ReadStream' },
  ],
  'etag/index.js': [
    { text: "var crypto = require('crypto')", by: `var crypto = require('crypto')\n${sha1}` },
    {
      text: 'var hash = crypto\n    .createHash',
      by: `var hash = entity.length <= ${SHORT} ? sha1(entity).substring(0, 27) : crypto\n    .createHash`,
    },
  ],
  // The package examines three constants of its own, which it finds safe.
  'find-my-way/index.js': [
    { text: 'if (!isRegexSafe(OPTIONAL_PARAM_REGEXP))', by: 'if (false)' },
    { text: 'if (!isRegexSafe(ESCAPE_REGEXP))', by: 'if (false)' },
    { text: 'if (!isRegexSafe(REMOVE_DUPLICATE_SLASHES_REGEXP))', by: 'if (false)' },
  ],
  // V8 makes large tables of Unicode for these patterns, which only parameters of routes need.
  'path-to-regexp/dist/index.js': [
    lazyPattern('ID_START', '/^[$_\\p{ID_Start}]$/u'),
    lazyPattern('ID_CONTINUE', '/^[$\\u200c\\u200d\\p{ID_Continue}]$/u'),
    lazyPattern('ID', '/^[$_\\p{ID_Start}][$\\u200c\\u200d\\p{ID_Continue}]*$/u'),
  ],
  // V8 takes a while to find out which letters of Unicode are other cases of these.
  'toidentifier/index.js': [{ text: '/[^ _0-9a-z]/gi', by: '/[^ _0-9A-Za-z]/g' }],
};

/** What files below node_modules require late. */
const LATE: Readonly<Record<string, readonly string[]>> = {
  '@fastify/ajv-compiler/lib/serializer-compiler.js': ['ajv/dist/jtd', './default-ajv-options'],
  '@fastify/ajv-compiler/lib/validator-compiler.js': ['ajv', 'ajv/dist/jtd', './default-ajv-options'],
  '@fastify/ajv-compiler/standalone.js': ['ajv/dist/standalone'],
  '@fastify/fast-json-stringify-compiler/standalone.js': ['fast-json-stringify'],
  'body-parser/lib/read.js': ['http-errors', 'iconv-lite', 'raw-body'],
  'body-parser/lib/types/json.js': ['http-errors'],
  'body-parser/lib/types/urlencoded.js': ['http-errors', 'qs'],
  'express/lib/request.js': ['accepts', 'proxy-addr', 'range-parser'],
  'express/lib/response.js': ['content-disposition', 'cookie', 'cookie-signature', 'http-errors', 'send', 'vary'],
  'express/lib/utils.js': ['proxy-addr', 'qs'],
  'fastify/lib/logger-factory.js': ['node:perf_hooks'],
  'fastify/lib/plugin-utils.js': ['semver'],
  'fastify/lib/request.js': ['@fastify/proxy-addr'],
  'find-my-way/index.js': ['fast-querystring', 'safe-regex2'],
  'http-assert/index.js': ['deep-equal', 'http-errors'],
  'koa/lib/application.js': ['node:v8'],
  'koa/lib/context.js': ['cookies'],
  'koa/lib/request.js': ['accepts', 'type-is'],
  'koa/lib/response.js': ['content-disposition', 'destroy', 'type-is'],
  'raw-body/index.js': ['http-errors', 'iconv-lite'],
  'send/index.js': ['http-errors'],
  'serve-static/index.js': ['send'],
};

export const knownPackages: Plugin = {
  name: 'known packages',
  setup({ onLoad }) {
    for (const file of new Set([...Object.keys(CHANGES), ...Object.keys(LATE)])) {
      const pattern = `[\\\\/]node_modules[\\\\/]${file.replaceAll('.', '\\.').replaceAll('/', '[\\\\/]')}$`;
      onLoad({ filter: new RegExp(pattern) }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const changed = change(text, CHANGES[file] ?? []);
        return { contents: await requireLate(changed, LATE[file] ?? [], basename(path)), loader: 'js' };
      });
    }
  },
};

function change(text: string, changes: readonly Change[]): string {
  if (!changes.every((one) => text.split(one.text).length === 2)) return text;
  return changes.reduce((changed, one) => changed.replace(one.text, () => one.by), text);
}

/**
 * Returns the source of a CommonJS module that requires the modules `late` whenever it uses their variables, and not when it is
 * loaded. `name` is the name of its file. Only statements on lines of their own are found: `const a = require('b').c`, or
 * `const { a, b } = require('c')`.
 */
export async function requireLate(source: string, late: readonly string[], name: string): Promise<string> {
  /** The functions by whose results the variables are replaced, by the names of the variables. */
  const functions = new Map<string, string>();
  const define: Record<string, string> = {};
  const add = (variable: string, expression: string): void => {
    if (functions.has(variable)) return;
    functions.set(variable, `function _late_${variable}() { return ${expression}; }`);
    define[variable] = `_late_${variable}_use`;
  };
  const statement = /^(?:const|let|var) (?:(\w+)|\{ ([\w, ]+) \}) = require\((['"])([^'"]+)\3\)((?:\.\w+)*);?$/gm;
  const rest = source.replace(statement, (whole, variable?: string, names?: string, _quote?: string, module = '', property = '') => {
    if (!late.includes(module)) return whole;
    const expression = `require(${JSON.stringify(module)})${property}`;
    if (variable !== undefined) add(variable, expression);
    for (const one of names?.split(/, */) ?? []) add(one, `${expression}.${one}`);
    return '';
  });
  if (functions.size === 0) return source;
  const { transform } = await loadEsbuild();
  // esbuild knows which of the names are these variables.
  const result = await transform(`${rest}\n${[...functions.values()].join('\n')}\n`, {
    define,
    loader: 'js',
    sourcemap: 'inline',
    sourcefile: name,
    logLevel: 'silent',
  });
  // The call has as many characters as the name, which keeps the columns of the source map.
  const changed = result.code.replace(/\b(_late_\w+?)_use\b/g, '($1())');
  // A call cannot be assigned to: then the module has to stay as it is.
  return transform(changed, { loader: 'js', logLevel: 'silent' }).then(
    () => changed,
    () => source,
  );
}
