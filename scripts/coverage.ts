// Whether the process tests reach every line and branch of src/cgi. That code runs in scripts of its own,
// where vitest cannot see it; Node has written down what it ran.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoverageReport } from 'monocart-coverage-reports';

const report = new CoverageReport({
  name: 'src/cgi, in the processes of test/cgi',
  outputDir: 'coverage/report',
  reports: ['console-details'],
  sourceFilter: (path) => /(?:^|\/)src\/cgi\//.test(path),
  onEnd: (results) => {
    const { lines, branches, functions } = results?.summary ?? {};
    for (const [what, { pct }] of Object.entries({ lines, branches, functions } as Record<string, { pct: number }>)) {
      if (pct === 100) continue;
      console.error(`src/cgi: ${pct} % of the ${what} are covered; it must be 100`);
      process.exitCode = 1;
    }
  },
});
await report.addFromDir(join(tmpdir(), 'run-with-cgi-coverage/raw'));
await report.generate();
