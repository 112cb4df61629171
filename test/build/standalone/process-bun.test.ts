// The process tests of a CGI script, over an executable that has Bun in it.

import { fileURLToPath } from 'node:url';

process.env.PROCESS_CASES = 'bun';
process.env.PATH = `${fileURLToPath(new URL('../bun/node_modules/.bin', import.meta.url))}:${process.env.PATH}`;
for (const name of ['environ', 'process-guard', 'request-body', 'response', 'stderr']) await import(`../../cgi/${name}.test.ts`);
