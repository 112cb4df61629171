// The list of applications in docs/frameworks.md.

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
const BEGIN = '<!-- The list is made by test/applications: WRITE_LIST=1 scripts/test test/applications -->\n';
const END = '<!-- The end of the list -->\n';

/** Returns a list of the applications, each with what it needs to be built and to answer as under Node alone. */
export function toList(rows: Row[]): string {
  return rows.map((row) => `- [${row.sample.title}](../test/applications/${row.sample.name})${needsOf(row)}\n`).join('');
}

/** Each question is asked at the root and under the path of the script. */
function needsOf({ sample, isBuilt, byPipe, byApache }: Row): string {
  const { options, cannot, note, questions } = sample;
  if (!isBuilt) return ` cannot be built: ${cannot?.mend ?? ''}`;
  const count = questions.length * 2;
  const needs = options === undefined ? [] : [`\`${options.join(' ')}\``];
  if (note !== undefined) needs.push(note);
  if (byPipe !== count || byApache !== count) needs.push(`of ${count} answers ${byPipe} are the same by pipe, ${byApache} by Apache`);
  return needs.length > 0 ? `: ${needs.join(', ')}` : '';
}

function split(): [before: string, list: string, after: string] {
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < 0) throw new Error(`${page} has no place for the list`);
  const start = begin + BEGIN.length;
  return [text.slice(0, start), text.slice(start, end), text.slice(end)];
}

export function readList(): string {
  return split()[1].trim().concat('\n');
}

export function writeList(list: string): void {
  const [before, , after] = split();
  writeFileSync(page, `${before}\n${list}\n${after}`);
}
