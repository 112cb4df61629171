// Finds the line of a syntax error in an ES module. Node knows the line, but tells it only for an error that ends a process.

import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

/** Milliseconds for the other process. */
const TIMEOUT = 10_000;

/**
 * Puts file, line and source before the stack of `error`, as Node itself does for CommonJS.
 *
 * Another process reads the module `file` and its imports once more, and runs none of them: Node reads all modules
 * before it runs the first one, and the first one ends the process.
 */
export function prependSource(error: unknown, file: string): void {
  if (!(error instanceof SyntaxError) || !error.stack?.startsWith('SyntaxError')) return;
  const modules = ['data:text/javascript,process.exit()', pathToFileURL(file).href];
  const source = modules.map((url) => `;import ${JSON.stringify(url)}`).join('');
  const { stderr } = spawnSync(process.execPath, [...process.execArgv, '--input-type=module', '--eval', source], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIMEOUT,
  });
  const [place] = /^file:\S+:\d+\n(?:.*\n *\^+\n)?/m.exec(stderr) ?? [];
  if (place !== undefined) error.stack = `${place}\n${error.stack}`;
}
