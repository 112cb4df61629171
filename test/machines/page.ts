// The files that docs/machines.md shows or links to: the tests use them as they stand. "```language path" begins a file.

import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../docs/machines.md', import.meta.url), 'utf8');
const files = new Map([...text.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)].map(([, path = '', content = '']) => [path, content]));

/** The manifests, to which the page links. */
export const kubernetes = readFileSync(new URL('../../docs/kubernetes.yaml', import.meta.url), 'utf8');

/** Returns the file `path` as the page shows it. */
export function shown(path: string): string {
  const content = files.get(path);
  if (content === undefined) throw new Error(`docs/machines.md shows no file ${path}, only ${[...files.keys()].join(', ')}`);
  return content;
}
