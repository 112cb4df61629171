// The package as its users get it: it is packed and installed alone in an empty folder, each export is imported, each command run.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { install, pack } from './pack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-package-'));
const place = join(folder, 'place');
const installed = join(place, 'node_modules/run-with-cgi');
let archive: string;

beforeAll(() => {
  archive = pack(folder);
  install(archive, place);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const manifest = json(join(root, 'package.json'));
const entries = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => name.replace(/^\./, 'run-with-cgi'));

/** Returns the installed files below `path`. */
function files(path = ''): string[] {
  return readdirSync(join(installed, path), { withFileTypes: true }).flatMap((entry) => {
    const name = join(path, entry.name);
    return entry.isDirectory() ? files(name) : [name];
  });
}

function command(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(join(place, 'node_modules/.bin/run-with-cgi'), words, {
    cwd: place,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '' },
  });
}

function write(name: string, content: string): void {
  writeFileSync(join(place, name), content);
}

describe('an installation', () => {
  test('has no dependencies', () => {
    expect(manifest.dependencies).toBeUndefined();
    expect(readdirSync(join(place, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['run-with-cgi']);
  });

  test('has optional peers only', () => {
    for (const name of Object.keys(manifest.peerDependencies)) expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
  });

  test('is an archive of less than 300 kB', () => {
    expect(statSync(archive).size).toBeLessThan(300_000);
  });

  test('names only files that exist', () => {
    const all = files();
    expect(all.filter((name) => name.endsWith('.map'))).toEqual([]);
    for (const name of all.filter((name) => /\.(?:c?js|d\.ts)$/.test(name))) {
      const text = readFileSync(join(installed, name), 'utf8');
      expect([name, text.includes('sourceMappingURL')]).toEqual([name, false]);
      for (const [, path = ''] of text.matchAll(/(?:from|import|import\() ?["'](\.[^"']+)["']/g)) {
        expect(all).toContain(join(dirname(name), path).replace(/(?<=^dist\/types\/.*)\.ts$/, '.d.ts'));
      }
    }
  });

  test('has pages that link only to files that exist', () => {
    const all = files();
    for (const page of all.filter((name) => name.endsWith('.md'))) {
      const text = readFileSync(join(installed, page), 'utf8').replace(/^```.*?^```$/gms, '');
      for (const [, path = ''] of text.matchAll(/\]\((?!\w+:)([^)#\s]+)(?:#[^)]*)?\)/g)) {
        const file = join(dirname(page), path);
        // Links to applications of the tests are for readers of the sources; `map[name](file)` is code.
        if (/\.\w+$/.test(path) && !file.startsWith('test/')) expect([page, file, all.includes(file)]).toEqual([page, file, true]);
      }
    }
  });

  test('has short lines and named functions, for readable stacks', () => {
    for (const name of files('dist').filter((name) => /\.c?js$/.test(name))) {
      const lines = readFileSync(join(installed, name), 'utf8').split('\n');
      expect([name, lines.filter((line) => line.length > 2000)]).toEqual([name, []]);
    }
    write('refused.mjs', `import { requestUri } from 'run-with-cgi/util';\nimport 'run-with-cgi';\nrequestUri(null);\n`);
    const { stderr } = spawnSync(process.execPath, ['refused.mjs'], { cwd: place, encoding: 'utf8' });
    expect(stderr).toMatch(/^ {4}at requestUri \(.*\/dist\/.*\.js:\d+:\d+\)$/m);
  });

  test('has the licence of each package that is built into it', () => {
    const notices = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
    expect(notices).toContain(`negotiator ${json(join(root, 'node_modules/negotiator/package.json')).version}`);
    expect(notices).toContain(readFileSync(join(root, 'node_modules/negotiator/LICENSE'), 'utf8').trim());
  });
});

describe('a release', () => {
  test('has its version in CHANGELOG.md', () => {
    expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')).toMatch(
      new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')} - (?:unreleased|\\d{4}-\\d\\d-\\d\\d)$`, 'm'),
    );
  });

  test('has a package.json that npm publish does not correct', () => {
    const path = join(folder, 'package.json');
    copyFileSync(join(root, 'package.json'), path);
    execFileSync('npm', ['pkg', 'fix', '--silent'], { cwd: folder });
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(join(root, 'package.json'), 'utf8'));
  });
});

describe('an installation alone', () => {
  test.each(entries)('%s can be imported', (name) => {
    const names = execFileSync(
      process.execPath,
      ['--input-type=module', '-e', `console.log(Object.keys(await import('${name}')).length)`],
      {
        cwd: place,
        encoding: 'utf8',
      },
    );
    expect(Number(names)).toBeGreaterThan(0);
  });

  test('its types pass without skipLibCheck', () => {
    write('all.mts', entries.map((name, at) => `import * as e${at} from '${name}';\nvoid e${at};\n`).join(''));
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--skipLibCheck', 'false', '--types', 'node'];
    const { stdout } = spawnSync(
      join(root, 'node_modules/.bin/tsc'),
      [...options, '--typeRoots', join(root, 'node_modules/@types'), 'all.mts'],
      { cwd: place, encoding: 'utf8' },
    );
    expect(stdout).toBe('');
  }, 60_000);

  const PLAIN = `export const application = (environ, startResponse) => { startResponse('200 OK', [['Content-Type', 'text/plain']]); return 'here'; };\n`;

  test('request and validate work', () => {
    write('app.mjs', PLAIN);
    expect(command('request', 'app.mjs')).toMatchObject({ status: 0, stdout: 'here', stderr: '' });
    expect(command('validate', 'app.mjs')).toMatchObject({ status: 0, stderr: '' });
  });

  test.each([
    ['wsgi', PLAIN],
    ['fetch', `export default { fetch: () => new Response('here') };`],
    ['node', `export default (req, res) => res.end('here');`],
  ])('an application of the kind %s answers as a script', (kind, source) => {
    write(`${kind}.mjs`, source);
    const { stdout } = spawnSync(join(place, 'node_modules/.bin/run-with-cgi'), [`${kind}.mjs`], {
      cwd: place,
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app.cgi' },
    });
    expect(stdout).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\nhere$/);
  });

  test('bodies are compressed', () => {
    write(
      'compressed.mjs',
      `import { compress } from 'run-with-cgi/middleware';
export default compress((environ, startResponse) => { startResponse('200 OK', [['Content-Type', 'text/plain']]); return 'here'.repeat(1000); });
`,
    );
    const { stdout } = command('request', 'compressed.mjs', '/', '-i', '-H', 'Accept-Encoding: gzip;q=0.5, br;q=0');
    expect(stdout).toMatch(/^Content-Encoding: gzip\r?$/m);
  });

  test('build tells in one line how to install esbuild', () => {
    write('app.mjs', PLAIN);
    const { status, stdout, stderr } = command('build', 'app.mjs');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^run-with-cgi: [^\n]*esbuild[^\n]*npm install[^\n]* \[esbuild-missing\]\n$/);
  });

  test.each(['esbuild', 'esbuild-oldest'])('build takes esbuild from the project: %s', (bundler) => {
    const { version } = json(join(root, 'node_modules', bundler, 'package.json'));
    if (bundler === 'esbuild-oldest') expect(`>=${version}`).toBe(`${manifest.peerDependencies.esbuild}.0`);
    const project = join(folder, bundler);
    mkdirSync(join(project, 'node_modules'), { recursive: true });
    symlinkSync(join(root, 'node_modules', bundler), join(project, 'node_modules/esbuild'));
    writeFileSync(join(project, 'app.mjs'), `const before = await 'here';\n${PLAIN.replace("'here'", 'before')}`);
    const { stderr, status } = spawnSync(join(place, 'node_modules/.bin/run-with-cgi'), ['build', 'app.mjs'], {
      cwd: project,
      encoding: 'utf8',
    });
    expect([stderr, status]).toEqual(['', 0]);
    expect(execFileSync(join(project, 'app.cgi'), { encoding: 'utf8', env: { REQUEST_METHOD: 'GET' } })).toMatch(/\r\nhere$/);
  });

  test.each(['serve', 'fastcgi', 'scgi'])('%s listens, and ends on a signal', async (name) => {
    write('app.mjs', PLAIN);
    const socket = join(place, `${name}.sock`);
    const child = spawn(
      join(place, 'node_modules/.bin/run-with-cgi'),
      [name, 'app.mjs', ...(name === 'serve' ? ['--port', '0'] : ['--socket', socket])],
      { cwd: place, env: { PATH: process.env.PATH ?? '' } },
    );
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        said += bytes;
      });
    const end = once(child, 'close');
    while (child.exitCode === null && !existsSync(socket) && !/http:\/\/127\.0\.0\.1:\d+/.test(said)) await sleep(20);
    expect([child.exitCode, said]).toEqual([null, name === 'serve' ? expect.stringContaining('http://127.0.0.1:') : '']);
    child.kill('SIGTERM');
    const [code, signal] = await end;
    expect(['SIGTERM', 0]).toContain(signal ?? code);
  });
});

describe('a lock file', () => {
  const PUBLIC = 'https://registry.npmjs.org/';
  const paths = execFileSync('git', ['ls-files', '*package-lock.json'], { cwd: root, encoding: 'utf8' }).trim().split('\n');

  test.each(paths)('%s is whole, for every platform, and names no private registry', (path) => {
    const { packages } = json(resolve(root, path));
    const names = new Set(Object.keys(packages).map((name) => name.replace(/^.*node_modules\//, '')));
    for (const [name, entry] of Object.entries<Record<string, never>>(packages)) {
      const { optionalDependencies = {}, resolved = PUBLIC, integrity = 'missing', inBundle = false } = entry;
      for (const optional of Object.keys(optionalDependencies))
        expect([name, optional, names.has(optional)]).toEqual([name, optional, true]);
      expect([name, resolved]).toEqual([name, expect.stringContaining(PUBLIC)]);
      if (name !== '' && !inBundle) expect([name, integrity]).toEqual([name, expect.stringMatching(/^sha512-/)]);
    }
  });
});
