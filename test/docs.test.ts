// Runs the examples of the pages as they stand. A block "js name", or of another language, is a file; a block "console" has
// commands, each after "$ ", and their output. A page is one shell session, in a folder with nothing in it but an empty www/cgi-bin.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack } from './pack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-docs-'));
let archive: string;

beforeAll(() => {
  archive = pack(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Step {
  command: string;
  expected: string;
}

/** The pages, and the blocks that are read of them: files, and commands with their output. */
const PAGES = [
  'README.md',
  ...['guide', 'testing', 'troubleshooting', 'middleware', 'cli', 'cgi-programs', 'frameworks', 'build', 'resident', 'warm'].map(
    (name) => `docs/${name}.md`,
  ),
];
const BLOCK = /^```(js|sh|perl|python|c|console)(?: (\S+))?\n([\s\S]*?)^```$/gm;

function read(page: string): Step[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(BLOCK)].flatMap(([, language, name, block = '']) => {
    if (language === 'console') return block.split(/^\$ /m).slice(1).map(toStep);
    if (name === undefined) return [];
    return [{ command: `mkdir -p $(dirname ${name})\ncat >${name} <<'END OF FILE'\n${block}END OF FILE`, expected: '' }];
  });
}

function toStep(text: string): Step {
  const end = text.indexOf('\n') + 1;
  return { command: text.slice(0, end), expected: text.slice(end) };
}

/** Returns the command that stands for `npm install <name>` here: nothing is downloaded. */
function installing(name: string): string {
  return name === 'run-with-cgi' ? `npm install --silent --offline ${archive}` : `ln -s ${join(root, 'node_modules', name)} node_modules`;
}

/** Takes out times and sizes, which differ from machine to machine. */
function withoutMeasures(output: string): string {
  return output.replace(/[\d.]+ (?=kB|ms)/g, '');
}

/** Runs all steps in one shell, and returns the output of each. */
function run(page: string, steps: Step[]): string[] {
  const place = join(folder, page.replaceAll('/', '-'));
  const installs = steps.some(({ command }) => command.startsWith('npm install'));
  mkdirSync(join(place, 'www/cgi-bin'), { recursive: true });
  if (!installs) {
    mkdirSync(join(place, 'node_modules/.bin'), { recursive: true });
    symlinkSync(root, join(place, 'node_modules/run-with-cgi'));
    for (const framework of ['express', 'h3', 'hono'])
      symlinkSync(join(root, 'node_modules', framework), join(place, 'node_modules', framework));
    symlinkSync(join(root, 'dist/cli/main.cjs'), join(place, 'node_modules/.bin/run-with-cgi'));
  }
  const mark = '=== next ===';
  const session = steps.map(({ command }) => `${command}\nprintf '%s\\n' '${mark}'\n`).join('');
  const script = join(place, '.session');
  const local = session.replace(/^npm install (.+)$/gm, (_line, names: string) => names.split(' ').map(installing).join('\n'));
  writeFileSync(script, local);
  const shown = execFileSync('/bin/sh', [script], {
    cwd: place,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', npm_config_loglevel: 'error' },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  return shown.split(`${mark}\n`).map((output) => output.replaceAll('\r\n', '\n'));
}

describe.each(PAGES)('%s', (page) => {
  const steps = read(page);
  let outputs: string[];
  beforeAll(() => {
    outputs = run(page, steps);
  }, 120_000);

  const commands = steps.map((step, at) => ({ ...step, at })).filter(({ command }) => !command.includes('END OF FILE'));
  test.each(commands)('$command', ({ expected, at }) => {
    expect(withoutMeasures(outputs[at] ?? '')).toBe(withoutMeasures(expected));
  });
});
