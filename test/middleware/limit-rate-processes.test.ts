// Processes that ask limitRate at the same moment count in the same folder.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';

test('200 processes at once: each is counted, and exactly the limit is admitted', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-rate-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const directory = join(folder, 'counts');
  mkdirSync(directory);
  const script = join(folder, 'process.cjs');
  await build({
    stdin: {
      contents: `import { limitRate } from './src/middleware/limit-rate.ts';
        const application = limitRate(() => 'in', { limit: 120, window: 100_000_000, directory: process.argv[2] });
        const environ = { REMOTE_ADDR: '10.0.0.1', 'wsgi.errors': { write: (text) => process.stdout.write(text) } };
        let status = '200';
        // All wait here for one moment; only its last milliseconds take the processor.
        const moment = Number(process.argv[3]);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, moment - Date.now() - 5);
        while (Date.now() < moment);
        application(environ, (given) => (status = given));
        process.stdout.write(status);`,
      resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
    },
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'cjs',
  });
  const outputs: string[] = [];
  // In batches, each of which has its moment: 200 Nodes that all wait would only wait for the processor.
  for (let batch = 0; batch < 10; batch++) {
    const moment = Date.now() + 600;
    const children = Array.from({ length: 20 }, async () => {
      const child = spawn(process.execPath, [script, directory, String(moment)], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.on('data', (text) => {
        output += text;
      });
      await once(child, 'close');
      outputs.push(output);
    });
    await Promise.all(children);
  }
  const counts = Object.fromEntries(
    ['200', '429 Too Many Requests'].map((status) => [status, outputs.filter((output) => output === status).length]),
  );
  expect(counts).toEqual({ '200': 120, '429 Too Many Requests': 80 });
});
