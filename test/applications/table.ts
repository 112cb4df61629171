// The table of applications in docs/frameworks.md.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Sample } from './sample.ts';

export interface Row {
  sample: Sample;
  isBuilt: boolean;
  /** How many answers were the same as those of the application that its author starts. */
  byPipe: number;
  byApache: number;
}

const page = fileURLToPath(new URL('../../docs/frameworks.md', import.meta.url));
const BEGIN = '<!-- The table is made by test/applications: WRITE_TABLE=1 scripts/test test/applications -->\n';
const END = '<!-- The end of the table -->\n';

/** Each question is asked at the root and under the path of the script. */
export function toTable(rows: Row[]): string {
  const lines = rows.map(({ sample, isBuilt, byPipe, byApache }) => {
    const { name, title, options = [], questions, cannot, note } = sample;
    const count = questions.length * 2;
    const answers = isBuilt ? [byPipe, byApache].map((same) => (same === count ? `all ${count}` : `${same} of ${count}`)) : ['no', 'no'];
    const words = options.length > 0 ? `\`${options.join(' ')}\`` : '';
    return `| [${title}](../test/applications/${name}) | ${words} | ${answers.join(' | ')} | ${cannot?.mend ?? note ?? ''} |`;
  });
  return ['| application | built with | by pipe | by Apache | to know |', '|---|---|---|---|---|', ...lines, ''].join('\n');
}

function split(): [before: string, table: string, after: string] {
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < 0) throw new Error(`${page} has no place for the table`);
  const start = begin + BEGIN.length;
  return [text.slice(0, start), text.slice(start, end), text.slice(end)];
}

export function readTable(): string {
  return split()[1].trim().concat('\n');
}

export function writeTable(table: string): void {
  const [before, , after] = split();
  writeFileSync(page, `${before}\n${table}\n${after}`);
}
