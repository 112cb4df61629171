// Error codes are a public interface: the sources and the documentation have the same ones.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('docs/errors.md lists each code, under its class, and no other', () => {
  const source = read('src/errors.ts') + read('src/load/user-error.ts');
  const documentation = read('docs/errors.md');
  for (const [name, next] of [
    ['ApplicationError', 'RequestError'],
    ['RequestError', 'UserError'],
    ['UserError', 'ContractError'],
  ] as const) {
    const union = new RegExp(`export type ${name}Code =([^;]*);`).exec(source)?.[1] ?? '';
    const codes = [...union.matchAll(/'([a-z-]+)'/g)].map((match) => match[1]);
    const from = documentation.indexOf(`\n## ${name}\n`);
    const section = documentation.slice(from, documentation.indexOf(`\n## ${next}\n`));
    const documented = [...section.matchAll(/^### `([a-z-]+)`$/gm)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(5);
    expect(documented).toEqual([...codes].sort());
  }
});

test('docs/errors.md lists the codes of errors before anything runs', () => {
  const source = [
    'build/assets',
    'build/standalone/bun-program',
    'build/standalone/fork-guard',
    'build/standalone/node-executable',
    'built-script/boot',
    'built-script/shell-line',
    'cli/version',
  ]
    .map((name) => read(`src/${name}.ts`))
    .join('');
  const codes = [...source.matchAll(/\[((?:node|assets|standalone)-[a-z-]+)\]/g)].map((match) => match[1]);
  const documentation = read('docs/errors.md');
  const documented = [...documentation.slice(documentation.indexOf('\n## Before anything runs\n')).matchAll(/^### `([a-z-]+)`$/gm)].map(
    (match) => match[1],
  );
  expect(documented).toEqual([...new Set(codes)].sort());
});
