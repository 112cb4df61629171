// The second half of scripts/demo: serves the built scripts by the development server of the built package.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cgiBin } from 'run-with-cgi/host';
import { urlMap } from 'run-with-cgi/middleware';
import { makeServer } from 'run-with-cgi/server';

const folder = fileURLToPath(new URL('../dist/cgi-bin/', import.meta.url));
const toHello = (_environ, startResponse) => {
  startResponse('302 Found', [['Location', '/cgi-bin/hello.cgi']]);
  return null;
};
const application = urlMap({ '/': toHello, '/cgi-bin': cgiBin(folder) });

async function listen(port) {
  const server = makeServer('127.0.0.1', port, application);
  await once(server, 'listening');
  return server;
}

function fail(message) {
  console.error(`scripts/demo: ${message}`);
  process.exit(1);
}

const { PORT } = process.env;
if (PORT && !(/^\d+$/.test(PORT) && Number(PORT) <= 65_535)) fail(`PORT must be a number up to 65535, got ${JSON.stringify(PORT)}`);
const server = await listen(Number(PORT || 8000)).catch((error) => {
  if (error.code === 'EACCES') fail(`Port ${PORT} needs privileges; make PORT a number above 1023`);
  if (error.code !== 'EADDRINUSE') throw error;
  return PORT ? fail(`Port ${PORT} is taken; with PORT=0 any that is free is used`) : listen(0);
});
const base = `http://127.0.0.1:${server.address().port}/cgi-bin/`;

console.log('The same under a web server. Open one of these, Ctrl-C ends it:\n');
for (const name of readdirSync(folder)) {
  if (name.endsWith('.cgi')) console.log(`  ${base}${name}`);
}
console.log();

if (process.argv.includes('--once')) {
  const response = await fetch(`${base}hello.cgi`);
  console.log(`GET ${base}hello.cgi answered ${response.status}: ${await response.text()}`);
  server.close();
}
