// Checks that the tests of test/cgi reach every line and branch of src/cgi. That code runs in processes that vitest cannot look
// into; each of them has written its coverage into the folder PROCESS_COVERAGE.

import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CoverageReport } from 'monocart-coverage-reports';

const { PROCESS_COVERAGE: folder } = process.env;
if (folder === undefined) throw new Error('PROCESS_COVERAGE must name the folder that the process tests were run with');

const report = new CoverageReport({
  name: 'src/cgi, in the processes of test/cgi',
  outputDir: 'coverage/report',
  reports: ['console-details'],
  sourceFilter: (path) => /(?:^|\/)src\/cgi\//.test(path),
});
await report.addFromDir(join(folder, 'raw'));
const results = await report.generate();

const failures: string[] = [];
const seen = new Set(results?.files.map(({ sourcePath }) => basename(sourcePath)));
for (const name of readdirSync(fileURLToPath(new URL('../src/cgi', import.meta.url)))) {
  if (!seen.has(name)) failures.push(`src/cgi/${name}: no process has loaded it`);
}
for (const what of ['lines', 'branches', 'functions'] as const) {
  const percent = results?.summary[what]?.pct;
  if (percent !== 100) failures.push(`src/cgi: ${percent} % of the ${what} are covered; it must be 100`);
}
for (const failure of failures) console.error(failure);
if (failures.length > 0) process.exitCode = 1;
