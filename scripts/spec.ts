// Makes SPEC.md of the lines in src/validator that begin with ///. A rule begins with "- ", and its further lines are indented;
// all other lines are paragraphs or headings.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The files of src/validator, in the order of their chapters. */
const order = ['index', 'environ', 'input', 'error-stream', 'response', 'body'];

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const lines = order.flatMap((name) => readFileSync(file(`src/validator/${name}.ts`), 'utf8').match(/^ *\/\/\/.*$/gm) ?? []);

let text = '';
let previous = '';
for (const line of lines.map((line) => line.replace(/^ *\/\/\/ ?/, ''))) {
  const isRule = line.startsWith('- ');
  const isContinued = line.startsWith('  ') || (isRule && previous.startsWith('- '));
  const needsSpace = line.startsWith('#') || (isRule !== (previous.startsWith('- ') || previous.startsWith('  ')) && !isContinued);
  if (needsSpace && previous !== '' && text !== '') text += '\n';
  text += `${line}\n`;
  previous = isRule || line.startsWith('  ') ? '- ' : line;
}
text = text.replace(/\n{3,}/g, '\n\n');

if (!process.argv.includes('--check')) {
  writeFileSync(file('SPEC.md'), text);
} else if (readFileSync(file('SPEC.md'), 'utf8') !== text) {
  console.error('SPEC.md is stale; run scripts/spec');
  process.exitCode = 1;
}
