// The files that docs/machines.md shows, so that what is shown is what is tested: "```language path" opens one.

import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../docs/machines.md', import.meta.url), 'utf8');
const files = new Map([...text.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)].map(([, path = '', content = '']) => [path, content]));

/** What the page shows as the file `path`. */
export function shown(path: string): string {
  const content = files.get(path);
  if (content === undefined) throw new Error(`docs/machines.md shows no file ${path}, only ${[...files.keys()].join(', ')}`);
  return content;
}
