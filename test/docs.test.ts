// The pages with examples, run as they stand. A block "js name", or of another language, is a file, a block "console" is commands,
// each after "$ ", and what they print; a page is one shell session in an empty folder.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-docs-'));
let archive: string;

beforeAll(() => {
  const [packed = ''] = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n')
    .slice(-1);
  archive = join(folder, packed);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Step {
  command: string;
  expected: string;
}

function read(page: string): Step[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(js|sh|perl|python|c|console)(?: (\S+))?\n([\s\S]*?)^```$/gm)].flatMap(([, language, name, block = '']): Step[] => {
    if (language !== 'console') {
      // The README's first line of code says what the file is called.
      const file = name ?? /^\/\/ (\S+)$/m.exec(block)?.[1];
      return file === undefined ? [] : [{ command: `cat >$(mkdir -p $(dirname ${file}); echo ${file}) <<'END OF FILE'\n${block}END OF FILE\nchmod 755 ${file}`, expected: '' }];
    }
    return block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n') + 1;
        return { command: part.slice(0, end), expected: part.slice(end) };
      });
  });
}

/** Runs all steps in one shell and returns what each has printed. */
function run(page: string, steps: Step[]): string[] {
  const place = join(folder, page.replaceAll('/', '-'));
  const installs = steps.some(({ command }) => command.startsWith('npm install'));
  mkdirSync(installs ? place : join(place, 'node_modules/.bin'), { recursive: true });
  if (!installs) {
    symlinkSync(root, join(place, 'node_modules/run-with-cgi'));
    symlinkSync(join(root, 'dist/cli/main.cjs'), join(place, 'node_modules/.bin/run-with-cgi'));
  }
  const mark = '=== next ===';
  const session = steps.map(({ command }) => `${command}\nprintf '%s\\n' '${mark}'\n`).join('');
  const script = join(place, '.session');
  writeFileSync(script, session.replace('npm install run-with-cgi', `npm install --silent ${archive}`));
  const shown = execFileSync('/bin/sh', [script], {
    cwd: place,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', npm_config_loglevel: 'error' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return shown.split(`${mark}\n`).map((output) => output.replaceAll('\r\n', '\n'));
}

describe.each(['README.md', 'docs/guide.md', 'docs/testing.md', 'docs/middleware.md', 'docs/cli.md', 'docs/cgi-programs.md'])('%s', (page) => {
  const steps = read(page);
  let outputs: string[];
  beforeAll(() => {
    outputs = run(page, steps);
  }, 120_000);

  test.each(steps.map((step, at) => ({ ...step, at })).filter(({ command }) => !command.startsWith('cat >')))(
    '$command',
    ({ expected, at }) => {
      expect(outputs[at]).toBe(expected);
    },
  );
});
