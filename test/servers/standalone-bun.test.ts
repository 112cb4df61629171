// The table of cases over Apache, lighttpd and busybox, of scripts that are executables with Bun in them.

import { fileURLToPath } from 'node:url';

process.env.SERVED_SCRIPTS = 'bun';
process.env.PATH = `${fileURLToPath(new URL('../build/bun/node_modules/.bin', import.meta.url))}:${process.env.PATH}`;
await import('./servers.test.ts');
