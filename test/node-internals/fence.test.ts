// Undocumented parts of Node are used in src/node-internals only, where each has a fallback.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** Names with an underscore that Node documents, for those who implement streams. An IncomingMessage is a Readable. */
const DOCUMENTED = ['_read', '_write', '_final', '_destroy', '_construct', '_transform'];

/** Names without one that Node does not document. */
const UNDOCUMENTED = [
  'onconnection',
  'readStop',
  'readStart',
  'writeQueueSize',
  'getsockname',
  'moduleLoadList',
  'binding',
  'useUserBuffer',
  'assignSocket',
  'latin1Slice',
  'utf8Slice',
  'chunkedEncoding',
  'shouldKeepAlive',
  'useChunkedEncodingByDefault',
  'GetAddrInfoReqWrap',
];

/** Files with texts for a bundle, whose names are the bundle's own. */
const TEXT = ['build/mime-types.ts', 'build/known-packages.ts'];

/** The properties in `source` that Node does not document, by name or as a quoted name. */
function undocumented(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const names = [...code.matchAll(/(?:\.|['"`])([A-Za-z_]\w*)/g)].map(([, name = '']) => name);
  return names.filter((name) => UNDOCUMENTED.includes(name) || (/^_[a-zA-Z]/.test(name) && !DOCUMENTED.includes(name)));
}

describe('undocumented parts of Node', () => {
  test.each([
    ['socket._handle', '_handle'],
    ["Reflect.get(server, '_connections')", '_connections'],
    ['handle?.writeQueueSize', 'writeQueueSize'],
    ['process.moduleLoadList', 'moduleLoadList'],
    ["process.binding('fs')", 'binding'],
    ['response.assignSocket(socket)', 'assignSocket'],
    ["process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')", 'GetAddrInfoReqWrap'],
  ])('%s is on the list', (code, name) => {
    expect(undocumented(`// about _it\n${code};`)).toEqual([name]);
  });

  test('are used in src/node-internals only', () => {
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts') && !TEXT.includes(path));
    const used = files.flatMap((path) => undocumented(readFileSync(join(src, path), 'utf8')).map((name) => `${path}: ${name}`));
    const [inside, outside] = [true, false].map((isInside) => used.filter((use) => use.startsWith('node-internals/') === isInside));
    expect(outside).toEqual([]);
    expect(inside?.length).toBeGreaterThan(10);
  });
});
