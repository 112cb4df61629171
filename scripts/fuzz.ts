// Feeds parsers with examples that random changes have spoiled. Each parser has a claim that must hold for every input: the pieces in
// which bytes arrive make no difference, a slow and simple parser says the same, no result has what it must not have.

import { deepStrictEqual } from 'node:assert';
import { bodyLength } from '../src/environ/body-length.ts';
import { decodePath, normalizePath, rawPath, stripPathPrefix } from '../src/environ/path.ts';
import { exactVariables } from '../src/environ/variables.ts';
import { RequestError } from '../src/errors.ts';
import { BEGIN_REQUEST, decodePairs, encodePairs, GET_VALUES, makeRecord, PARAMS, RecordParser, STDIN } from '../src/fastcgi/records.ts';
import { Headers as LightHeaders } from '../src/fetch/light/index.ts';
import { checkHeaders, checkStatus } from '../src/gateway/checks.ts';
import { sanitizeHeaders, sanitizeReason } from '../src/gateway/sanitize.ts';
import { HeadReader, InvalidOutput, type ScriptHead } from '../src/host/head.ts';
import { parseShebang } from '../src/host/shebang.ts';
import { unchunk } from '../src/host/unchunk.ts';
import { HeadersParser } from '../src/scgi/headers.ts';
import { shiftPathInfo } from '../src/util.ts';

const [count = 100_000, seed = Date.now() % 1e9] = process.argv.slice(2).map(Number);

let state = seed;

/** A whole number from 0 to `end` - 1, the same ones for the same seed (mulberry32). */
function random(end: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
}

function oneOf<Value>(values: readonly Value[]): Value {
  return values[random(values.length)] as Value;
}

const BYTES = [0, 1, 9, 10, 13, 32, 34, 35, 37, 44, 46, 47, 48, 57, 58, 61, 63, 92, 127, 128, 133, 160, 255];

/** Returns one of `examples` with a few changes, and sometimes with a part of another one. */
function spoil(examples: readonly Buffer[]): Buffer {
  let bytes = Buffer.from(oneOf(examples));
  for (let changes = random(6); changes > 0; changes--) {
    const at = random(bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const other = oneOf(examples);
    const inserted = oneOf([
      Buffer.of(oneOf(BYTES)),
      Buffer.of(random(256)),
      Buffer.alloc(random(300), oneOf(BYTES)),
      other.subarray(random(other.length + 1)),
      before.subarray(random(at + 1)),
    ]);
    bytes = Buffer.concat([before, random(3) === 0 ? Buffer.alloc(0) : inserted, after.subarray(random(2) === 0 ? 0 : random(8))]);
  }
  return bytes;
}

/** Cuts `bytes` into pieces of any length, empty ones too. */
function cut(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = random(3) === 0 ? random(3) : random(bytes.length + 1);
    // A copy: whoever keeps a view of a piece must not see the next one there.
    pieces.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return pieces;
}

/** Returns what `action` returns, or the message of an error that it may throw. Other errors are failures. */
function outcome(action: () => unknown, ...expected: readonly (new (...words: never[]) => Error)[]): unknown {
  try {
    return action();
  } catch (error) {
    if (expected.some((kind) => error instanceof kind)) return `error: ${(error as Error).message}`;
    throw error;
  }
}

const text = (...lines: string[]) => lines.map((line) => Buffer.from(line, 'latin1'));

function check(condition: boolean, claim: string): void {
  if (!condition) throw new Error(claim);
}

const RECORDS = [
  Buffer.concat([
    makeRecord(BEGIN_REQUEST, 1, Buffer.of(0, 1, 1, 0, 0, 0, 0, 0)),
    makeRecord(PARAMS, 1, encodePairs([['REQUEST_METHOD', 'GET']]), 3),
  ]),
  Buffer.concat([
    makeRecord(PARAMS, 1, Buffer.alloc(0)),
    makeRecord(STDIN, 1, Buffer.from('body'), 255),
    makeRecord(STDIN, 1, Buffer.alloc(0)),
  ]),
  Buffer.concat([makeRecord(GET_VALUES, 0, encodePairs([['FCGI_MAX_CONNS', '']])), makeRecord(77, 0, Buffer.alloc(40))]),
];

/** The records that a parser tells of; pieces of a stream are joined, since they come as the bytes do. */
function recordsOf(pieces: readonly Buffer[]): string[] {
  const records: { type: number; id: number; content: string; isOpen: boolean }[] = [];
  let version: number | undefined;
  const parser = new RecordParser({
    record(type, id, content) {
      const last = records.at(-1);
      const isStream = (type === PARAMS || type === STDIN) && content.length > 0;
      if (isStream && last?.isOpen && last.type === type && last.id === id) last.content += content.toString('latin1');
      else records.push({ type, id, content: content.toString('latin1'), isOpen: isStream });
    },
    badVersion(found) {
      version = found;
    },
  });
  for (const piece of pieces) parser.feed(piece);
  return [
    ...records.map(({ type, id, content }) => `${type} ${id} ${content}`),
    `${version} ${version === undefined && parser.isBetweenRecords}`,
  ];
}

/** decodePairs, slow and simple. */
function pairsOf(bytes: Buffer): Map<string, string> | undefined {
  const pairs = new Map<string, string>();
  let at = 0;
  const length = () => {
    const first = bytes[at] ?? Number.NaN;
    if (!(first > 127)) {
      at += 1;
      return first;
    }
    at += 4;
    return at > bytes.length ? Number.NaN : bytes.readUInt32BE(at - 4) - 0x80000000;
  };
  while (at < bytes.length) {
    const [name, value] = [length(), length()];
    if (!(at + name + value <= bytes.length)) return undefined;
    const key = bytes.toString('latin1', at, at + name);
    const text = bytes.toString('latin1', at + name, at + name + value);
    const earlier = key.startsWith('HTTP_') ? pairs.get(key) : undefined;
    pairs.set(key, earlier === undefined ? text : `${earlier}${key === 'HTTP_COOKIE' ? '; ' : ', '}${text}`);
    at += name + value;
  }
  return pairs;
}

function netstring(content: string): string {
  return `${content.length}:${content},`;
}

const PATHS = text(
  '/a/b',
  '/a/../b',
  '/%2e%2E/x',
  '//a//b/',
  '/a%2Fb/./c',
  '/..',
  '/app.example/x',
  '*',
  'http://host/a?b#c',
  '/ü%FF%00\\',
  '',
);
const HEADS = text(
  'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nbody',
  'Content-Type: a/b\nLocation: /x\n\n',
  'Location: /local?query\n\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX: \xff\r\n\r\n',
  'status:404\n folded\nSet-Cookie: a=b\nSet-Cookie: c=d\n\n',
);

/** By its name: a parser, and what must hold for an input of its kind. */
const PARSERS: Readonly<Record<string, readonly [examples: readonly Buffer[], hold: (bytes: Buffer) => void | Promise<void>]>> = {
  'records of FastCGI': [RECORDS, (bytes) => deepStrictEqual(recordsOf(cut(bytes)), recordsOf([bytes]))],
  'pairs of FastCGI': [
    [
      encodePairs([
        ['HTTP_COOKIE', 'a=b'],
        ['HTTP_COOKIE', 'c'],
        ['__proto__', 'x'],
        ['HTTP_ACCEPT', 'y'.repeat(200)],
      ]),
      encodePairs([['', '']]),
    ],
    (bytes) => {
      const variables: Record<string, string> = Object.create(null);
      const isWhole = decodePairs(bytes.toString('latin1'), variables);
      const expected = pairsOf(bytes);
      check(isWhole === (expected !== undefined), 'both parsers take it, or neither');
      if (expected) deepStrictEqual(new Map(Object.entries(variables)), new Map([...expected].sort(byIndex(variables))));
    },
  ],
  'heads of SCGI': [
    text(
      netstring('CONTENT_LENGTH\x003\0SCGI\x001\0REQUEST_METHOD\0POST\0'),
      `${netstring('HTTP_A\0b\0HTTP_A\0c\0__proto__\0d\0')}rest`,
      '0:,',
    ),
    (bytes) => {
      const feed = (pieces: readonly Buffer[]) =>
        outcome(() => {
          const parser = new HeadersParser(1000);
          for (const [index, piece] of pieces.entries()) {
            const found = parser.feed(piece);
            if (found)
              return [{ ...found.variables }, Buffer.concat([piece.subarray(found.rest), ...pieces.slice(index + 1)]).toString('latin1')];
          }
          return undefined;
        }, RequestError);
      deepStrictEqual(feed(cut(bytes)), feed([bytes]));
    },
  ],
  'heads of CGI programs': [
    HEADS,
    (bytes) => {
      const read = (pieces: readonly Buffer[]) =>
        outcome(() => {
          const reader = new HeadReader();
          for (const [index, piece] of pieces.entries()) {
            const head: ScriptHead | undefined = reader.read(piece);
            if (!head) continue;
            check(!/[\0\r\n]/.test(head.status + head.headers.flat().join('')), 'no header of a program has a line end in it');
            return { ...head, body: Buffer.concat([head.body, ...pieces.slice(index + 1)]).toString('latin1') };
          }
          return undefined;
        }, InvalidOutput);
      const whole = read([bytes]);
      const pieces = cut(bytes);
      const inPieces = read(pieces);
      // A local redirect has no body: what follows its head in the same block tells.
      if (JSON.stringify(whole) !== JSON.stringify(inPieces)) {
        const { localRedirect, body } = (inPieces ?? {}) as Partial<ScriptHead>;
        check(localRedirect !== undefined && String(body) !== '', `the pieces make no difference: ${JSON.stringify([whole, inPieces])}`);
      }
    },
  ],
  'chunked bodies': [
    text('5\r\nhello\r\n0\r\n\r\n', '1;a=b\nx\n00000A\r\n0123456789\r\n0\r\n', 'ffffffffffff\r\nx', '0\r\n'),
    async (bytes) => {
      const read = async (pieces: readonly Buffer[]) => {
        let body = '';
        try {
          for await (const piece of unchunk(
            (async function* () {
              yield* pieces;
            })(),
          ))
            body += piece.toString('latin1');
          return body;
        } catch (error) {
          if (!(error instanceof InvalidOutput)) throw error;
          return `${body}\n${error.message}`;
        }
      };
      deepStrictEqual(await read(cut(bytes)), await read([bytes]));
    },
  ],
  paths: [
    PATHS,
    (bytes) => {
      const raw = bytes.toString('latin1');
      const environ: Record<string, unknown> = {
        SCRIPT_NAME: random(2) ? '/app' : raw.slice(0, random(9)),
        PATH_INFO: raw,
        REQUEST_URI: raw,
      };
      normalizePath(environ);
      const path = `${environ.SCRIPT_NAME}${environ.PATH_INFO}`;
      check(!/(?:^|\/)\.\.?(?:\/|$)/.test(String(environ.PATH_INFO)), `PATH_INFO has no dots: ${path}`);
      check(/^(?:\/|$)/.test(String(environ.SCRIPT_NAME)) && /^(?:\/|$)/.test(String(environ.PATH_INFO)), `both begin with "/": ${path}`);
      const once = { ...environ };
      normalizePath(environ);
      deepStrictEqual(environ, once);
      const { scriptName, pathInfo } = rawPath(environ);
      check(/^[!-~]*$/.test(scriptName + pathInfo) && !(scriptName + pathInfo).includes('\\'), 'a raw path is sendable');
      if (raw.startsWith('/')) check(!/\/\.\.?(?:\/|$)/.test(decodePath(raw)), 'a decoded path has no dots');
      stripPathPrefix(raw, '/a/b');
      for (let steps = 0; shiftPathInfo(environ as { SCRIPT_NAME: string; PATH_INFO: string }) !== undefined; steps++)
        check(steps <= raw.length + 9, 'the path ends');
    },
  ],
  'variables of the process': [
    text('A=b\0HTTP_X=\xff\0HTTP_X=c\0', '=\0__proto__=x\0A\0B=\xc3\xbc\0'),
    (bytes) => {
      const env: Record<string, string> = { A: 'b', HTTP_X: '\ufffd', B: 'ü', constructor: 'x' };
      const { variables, lossy } = exactVariables(env, bytes.toString('latin1'));
      deepStrictEqual(Object.keys(variables), Object.keys(env));
      for (const value of Object.values(variables)) check(/^[\0-\xff]*$/.test(value), 'values are byte strings');
      for (const name of lossy) check(variables[name]?.includes('\xef\xbf\xbd') === true, 'a lossy variable shows it');
    },
  ],
  'lengths of bodies': [
    text('0', '12', '9'.repeat(400), '', '+5', '0x10', '1e3', '9007199254740993', ' 7'),
    (bytes) => {
      const length = outcome(() => bodyLength({ CONTENT_LENGTH: bytes.toString('latin1') }), RequestError);
      if (typeof length === 'number') check(length >= 0 && length < Infinity, `a length: ${length}`);
    },
  ],
  'statuses and headers of applications': [
    text(
      '200 OK',
      'Content-Type: text/plain',
      'X-A: b\r\nSet-Cookie: c',
      'Content-Length: 5',
      'Connection: close',
      '404 Not\tFound',
      ': x',
      '\xa0: y',
    ),
    (bytes) => {
      const line = bytes.toString('latin1');
      const [name = '', value = ''] = line.split(/:\s*(.*)/s);
      const isSafe = (sent: string) => !/[\0-\x08\n-\x1f\x7f\u0100-\uffff]/.test(sent);
      const status = outcome(() => {
        checkStatus(line);
        return line;
      }, Error);
      if (status === line) check(isSafe(line) && /^[2-9]\d\d /.test(line), `a status: ${JSON.stringify(line)}`);
      const headers = outcome(() => checkHeaders([[name, value]]), Error);
      if (Array.isArray(headers))
        check(isSafe(name + value) && /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(name), `a header: ${JSON.stringify(line)}`);
      check(!sanitizeReason(line, 'OK').includes('\t'), 'a sanitized reason has no tab');
      for (const [safeName, safeValue] of sanitizeHeaders([[name, value]]))
        check(safeName === name && !safeValue.includes('\t'), 'nor has a header');
    },
  ],
  'headers of the light classes': [
    text('a: b', 'Set-Cookie: c', 'x-\xff: y', 'accept:  two\t', 'Host: \xe9'),
    (bytes) => {
      const [name = '', value = ''] = bytes.toString('latin1').split(/:(.*)/s);
      const light = new LightHeaders() as unknown as Headers;
      const native = new Headers();
      for (const times of [1, 2]) {
        const results = [light, native].map((headers) =>
          outcome(() => {
            headers.append(name, value);
            return headers.get(name);
          }, TypeError),
        );
        const [ours, nodes] = results.map((result) => (String(result).startsWith('error: ') ? 'error' : result));
        deepStrictEqual([times, ours], [times, nodes]);
      }
      deepStrictEqual([...light], [...native]);
    },
  ],
  'first lines of scripts': [
    text('#!/bin/sh\n', '#!/usr/bin/env -S node --flag\n', '#! /usr/bin/env\r\n', '\xef\xbb\xbf#!/x\n', '#!'),
    (bytes) => {
      parseShebang(bytes.toString('latin1'));
    },
  ],
};

/** Object.entries() gives names that are numbers first; so does this order. */
function byIndex(like: Readonly<Record<string, string>>): (a: [string, string], b: [string, string]) => number {
  const order = new Map(Object.keys(like).map((name, at) => [name, at]));
  return ([a], [b]) => (order.get(a) ?? 0) - (order.get(b) ?? 0);
}

let total = 0;
for (const [name, [examples, hold]] of Object.entries(PARSERS)) {
  const began = performance.now();
  for (let run = 0; run < count; run++) {
    const before = state;
    const bytes = spoil(examples);
    try {
      const held = hold(bytes);
      if (held) await held;
    } catch (error) {
      console.error(`${name}, seed ${before}, ${JSON.stringify(bytes.toString('latin1'))}:`);
      console.error(error);
      process.exit(1);
    }
  }
  total += count;
  console.log(`${name}: ${count} inputs, ${((performance.now() - began) / 1000).toFixed(1)} s`);
}
console.log(`${total} inputs, seed ${seed}: everything held.`);
