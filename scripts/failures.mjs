// Prints the tests that failed, from vitest's reports in JSON: node scripts/failures.mjs <version>.json ... Whoever reads the end of a
// long log of continuous integration sees them there.

import { existsSync, readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';

for (const path of process.argv.slice(2)) {
  const node = `Node ${basename(path, '.json')}`;
  if (!existsSync(path)) {
    console.log(`${node}: vitest ended without a report`);
    continue;
  }
  for (const { name, message, assertionResults } of JSON.parse(readFileSync(path, 'utf8')).testResults) {
    const file = relative('.', name);
    const failed = assertionResults.filter(({ status }) => status === 'failed');
    if (message) console.log(`${node}: ${file}: ${firstLine(message)}`);
    for (const { fullName, failureMessages } of failed) {
      console.log(`${node}: ${file}: ${fullName}: ${firstLine(failureMessages.join('\n'))}`);
    }
  }
}

function firstLine(text) {
  return text.split('\n', 1)[0];
}
