// Where the mistake is in an ES module that Node cannot read. Node knows, but says so only of an error that ends a process.

import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

/** Milliseconds. */
const TIMEOUT = 10_000;

/**
 * Puts file, line and source before the stack of `error`, as Node does where it reads CommonJS. Another process reads the module `file`
 * and all that this imports once more, and runs nothing of it: a module is run when all are read, and the first one ends the process.
 */
export function locate(error: unknown, file: string): void {
  if (!(error instanceof SyntaxError) || !error.stack?.startsWith('SyntaxError')) return;
  const source = `import 'data:text/javascript,process.exit()'; import ${JSON.stringify(pathToFileURL(file).href)};`;
  const { stderr } = spawnSync(process.execPath, [...process.execArgv, '--input-type=module', '--eval', source], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIMEOUT,
  });
  const [place] = /^file:\S+:\d+\n(?:.*\n *\^+\n)?/m.exec(stderr) ?? [];
  if (place !== undefined) error.stack = `${place}\n${error.stack}`;
}
