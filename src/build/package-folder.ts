// The folder of this package, as it is installed: it holds dist/ and docs/.

import { createRequire } from 'node:module';
import { dirname } from 'node:path';

export const packageFolder = dirname(createRequire(import.meta.url).resolve('run-with-cgi/package.json'));
