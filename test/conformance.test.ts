// Tests and comments name duties by number: each such number has its line in docs/conformance.md.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

function numbers(text: string): number[] {
  return [...text.matchAll(/(\d+)(?: to #?(\d+))?/g)].flatMap(([, from, to]) => {
    const first = Number(from);
    return Array.from({ length: Number(to ?? from) - first + 1 }, (_, step) => first + step);
  });
}

const page = readFileSync(`${root}docs/conformance.md`, 'utf8');
const [pep = '', rfc = ''] = page.split('\n## RFC 3875, the script');
const listed = (section: string) =>
  [...section.matchAll(/^- \*\*([\d, to]+)\*\* /gm)].flatMap((match) => numbers(match[1] ?? '')).sort((a, b) => a - b);

test('the page lists each duty once: 90 of PEP 3333, 53 of RFC 3875', () => {
  expect(listed(pep)).toEqual(Array.from({ length: 90 }, (_, at) => at + 1));
  expect(listed(rfc)).toEqual(Array.from({ length: 53 }, (_, at) => at + 1));
});

test('every number that a source or a test names is on it', () => {
  const files = ['src', 'test'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${root}${folder}/${name}`),
  );
  const named = { pep: new Set<number>(), rfc: new Set<number>() };
  for (const file of files) {
    for (const [, which, list] of readFileSync(file, 'utf8').matchAll(/(PEP 3333|RFC 3875) (#\d+(?:(?:, | to | and )#\d+)*)/g)) {
      for (const number of numbers(list ?? '')) named[which === 'PEP 3333' ? 'pep' : 'rfc'].add(number);
    }
  }
  expect(named.pep.size).toBeGreaterThan(50);
  expect([...named.pep].filter((number) => number > 90)).toEqual([]);
  expect([...named.rfc].filter((number) => number > 53)).toEqual([]);
});
