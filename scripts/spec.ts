// The validator's rules, the lines that begin with ///, as one text. "- " begins a rule and goes on in lines
// that are indented; everything else is a paragraph or a heading.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const order = ['index', 'environ', 'input', 'error-stream', 'response', 'body'];

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const lines = order.flatMap((name) => readFileSync(file(`src/validator/${name}.ts`), 'utf8').match(/^ *\/\/\/.*$/gm) ?? []);

let text = '';
let before = '';
for (const line of lines.map((line) => line.replace(/^ *\/\/\/ ?/, ''))) {
  const isRule = line.startsWith('- ');
  const goesOn = line.startsWith('  ') || (isRule && before.startsWith('- '));
  const needsSpace = line.startsWith('#') || (isRule !== (before.startsWith('- ') || before.startsWith('  ')) && !goesOn);
  if (needsSpace && before !== '' && text !== '') text += '\n';
  text += `${line}\n`;
  before = isRule || line.startsWith('  ') ? '- ' : line;
}
text = text.replace(/\n{3,}/g, '\n\n');

if (!process.argv.includes('--check')) {
  writeFileSync(file('SPEC.md'), text);
} else if (readFileSync(file('SPEC.md'), 'utf8') !== text) {
  console.error('SPEC.md is stale; run scripts/spec');
  process.exitCode = 1;
}
