// Runs whole processes in turn with the programs they are compared with, in a clean environment. Prints Markdown.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { buildScript } from '../../src/build/index.ts';
import { runtimePath } from '../../src/build/trial.ts';
import { buildBy, makePeers, makePrograms } from './programs.ts';
import { memory, resident } from './resident.ts';
import { server } from './server.ts';

const GIB = 1024 ** 3;
const wanted = process.argv.slice(2);
const runs = Number(process.env.RUNS ?? 40);
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-bench-'));
const file = (name: string) => join(folder, name);
const node = (script: string, binary = process.execPath) => [binary, script];
/** An empty script. A small program starts Node for it, as the shell does for a built file. */
const emptyScript = (binary = 'node'): string => {
  const script = file(`empty-${binary.replaceAll('/', '-')}.cjs`);
  writeFileSync(script, `#!/usr/bin/env ${binary}\n`, { mode: 0o755 });
  return script;
};
const REQUEST = {
  PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '/hello.cgi',
  PATH_INFO: '',
  QUERY_STRING: '',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REDIRECT_STATUS: '200',
};

interface Measured {
  /** Medians, in seconds and MiB. */
  seconds: number;
  mebibytes: number;
  /** The ratios to the last command, run by run: median, least and greatest. */
  ratio: number;
  least: number;
  greatest: number;
  /** The median of the ratios of processor time, which other programs on the machine change less. */
  processor: number;
}

interface Conditions {
  count?: number;
  input?: string;
  env?: Record<string, string>;
}

/** Runs the commands in turn, and compares each with the last. The first two rounds do not count. */
function measure(commands: string[][], { count = runs, input = '/dev/null', env = {} }: Conditions = {}): Measured[] {
  const output = execFileSync(file('runner'), [String(count + 2), input, ...commands.flatMap((command) => ['--', ...command])], {
    env: { ...REQUEST, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const rounds: { nanoseconds: number; processor: number; kibibytes: number }[][] = commands.map(() => []);
  for (const line of output.trim().split('\n')) {
    const [which = 0, nanoseconds = 0, processor = 0, kibibytes = 0, bytes = 0, status = 0] = line.split(' ').map(Number);
    const isEmpty = /empty.*\.cjs$/.test(basename(commands[which]?.at(-1) ?? ''));
    if (bytes === 0 && !isEmpty) throw new Error(`${commands[which]?.join(' ')} said nothing`);
    if (status !== 0) throw new Error(`${commands[which]?.join(' ')} ended with ${status}`);
    rounds[which]?.push({ nanoseconds, processor, kibibytes });
  }
  const counted = rounds.map((round) => round.slice(2));
  const floor = counted.at(-1) ?? [];
  return counted.map((round) => {
    const ratios = round.map(({ nanoseconds }, at) => nanoseconds / (floor[at]?.nanoseconds ?? 1)).sort((a, b) => a - b);
    return {
      seconds: median(round.map(({ nanoseconds }) => nanoseconds)) / 1e9,
      mebibytes: median(round.map(({ kibibytes }) => kibibytes)) / 1024,
      ratio: median(ratios),
      least: ratios[0] ?? 0,
      greatest: ratios.at(-1) ?? 0,
      processor: median(round.map(({ processor }, at) => processor / (floor[at]?.processor ?? 1))),
    };
  });
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function row(...cells: unknown[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

const two = (value: number) => value.toFixed(2);
const verdict = (met: boolean) => (met ? 'met' : '**missed**');

const outward = (bytes: number): Conditions => ({ env: { BENCH_BYTES: String(bytes) } });
const inward = (bytes: number): Conditions => ({ env: { REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(bytes) }, input: 'body' });

/** The examples in cgi-bin/, and the time that each may take. */
const FRAMEWORKS = { hello: 1.06, hono: 1.2, express: 1.8, koa: 1.65, fastify: 1.85 };

/** What each may take as an executable with Bun in it, which scripts/prepare installs. */
const STANDALONE = { hello: 0.33, hono: 0.42, express: 1.15, koa: 1.0, fastify: 1.4 };

async function buildStandalone(name: string, runtime: 'bun' | 'node' = 'bun'): Promise<string> {
  const script = file(`${name}-${runtime}.cgi`);
  process.env.PATH = `${resolve('test/build/bun/node_modules/.bin')}:${process.env.PATH}`;
  await buildScript(`cgi-bin/${name}.ts`, script, { standalone: 'host', runtime });
  return script;
}

const rows: Record<string, () => void | Promise<void>> = {
  hello: () => hello('built `hello`', 'node', 'dist/cgi-bin/hello.cgi'),
  unbuilt: () => unbuilt('unbuilt `.mjs`', process.execPath),
  interpreted() {
    const [ours] = measure([[process.execPath, 'dist/cli/main.cjs', file('interpreted.mjs')], node(file('bare-empty.cjs'))]) as [Measured];
    timeRow('a script with `#!run-with-cgi` : empty CommonJS file, time', ours, 1.4);
  },
  async frameworks() {
    for (const binary of [process.execPath, ...(process.env.NODES ?? '').split(' ').filter((path) => path !== '')]) {
      const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
      console.log(
        `\n| ${version}: a request answered by the built file : empty CommonJS file | ratio | run by run | bar | |\n|---|---|---|---|---|`,
      );
      const built = Object.entries(FRAMEWORKS).map(([name, bar]) => ({ name, bar, script: buildBy(binary, `cgi-bin/${name}.ts`, folder) }));
      const measured = measure([...built.map(({ script }) => [script]), [emptyScript(binary)]]);
      for (const [at, { name, bar }] of built.entries()) timeRow(name, measured[at] as Measured, bar);
    }
    const bun = runtimePath('bun');
    await buildScript('cgi-bin/hello.ts', file('bun.cgi'), { runtime: 'bun' });
    const [ours] = measure([[bun, file('bun.cgi')], node(file('bare-empty.cjs'))]) as [Measured];
    timeRow("hello under Bun : Node's empty file", ours, 0.5);
  },
  async standalone() {
    console.log(
      '\n| a request answered by a standalone executable : empty CommonJS file | ratio | run by run | bar | |\n|---|---|---|---|---|',
    );
    const scripts: string[] = [];
    for (const name of Object.keys(STANDALONE)) scripts.push(await buildStandalone(name));
    for (const name of Object.keys(STANDALONE)) scripts.push(await buildStandalone(name, 'node'));
    const measured = measure([...scripts.map((script) => [script]), node(file('bare-empty.cjs'))]);
    const bars = Object.entries(STANDALONE);
    for (const [at, [name, bar]] of bars.entries()) timeRow(`${name}, Bun`, measured[at] as Measured, bar);
    for (const [at, [name]] of bars.entries()) {
      const { ratio, least, greatest } = measured[bars.length + at] as Measured;
      row(`${name}, Node`, two(ratio), `${two(least)} to ${two(greatest)}`, '', '');
    }
  },
  elsewhere() {
    for (const binary of (process.env.NODES ?? '').split(' ').filter((path) => path !== '')) {
      const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
      for (const name of Object.keys(FRAMEWORKS)) {
        const [script = '', floor = ''] = [binary, process.execPath].map((by) =>
          buildBy(by, `cgi-bin/${name}.ts`, folder, process.execPath),
        );
        // The first request makes the code.
        execFileSync(script, { env: { ...REQUEST, HOME: folder }, stdio: 'ignore' });
        const [ours] = measure([[script], [floor]], { env: { HOME: folder } }) as [Measured];
        timeRow(`${name}, built by ${version} : built by ${process.version}, both under ${process.version}`, ours, 1.05);
      }
    }
  },
  nodes() {
    for (const binary of (process.env.NODES ?? '').split(' ').filter((path) => path !== '')) {
      const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
      hello(`${version}: built \`hello\``, binary, buildBy(binary, 'cgi-bin/hello.ts', folder));
      unbuilt(`${version}: unbuilt \`.mjs\``, binary);
    }
  },
  out() {
    throughput('1 GiB out in 64 KiB blocks : `fs.writeSync` loop', [node(file('out.cjs')), node(file('bare-out.cjs'))], 0.9, outward);
  },
  upload() {
    throughput('1 GiB upload hashed : `fs.readSync` loop', [node(file('upload.cjs')), node(file('bare-upload.cjs'))], 0.9, inward);
  },
  file() {
    const path = file('large');
    writeFileSync(path, '');
    throughput('1 GiB file by file wrapper : `cat`', [node(file('file.cjs')), ['/bin/cat', path]], 0.7, (bytes) => {
      truncateSync(path, bytes);
      return { env: { BENCH_FILE: path } };
    });
  },
  adapters() {
    for (const kind of ['fetch', 'node']) {
      const commands = (name: string) => [node(file(`${kind}-${name}.cjs`)), node(file(`${name}.cjs`))];
      throughput(`1 GiB out by \`${kind}\` : by the plain application`, commands('out'), 0.5, outward);
      throughput(`1 GiB up by \`${kind}\` : by the plain application`, commands('upload'), 0.5, inward);
    }
  },
  async peers() {
    const peers = makePeers(folder);
    const all = {
      ...peers,
      '**run-with-cgi**, built': [join(process.cwd(), 'dist/cgi-bin/hello.cgi')],
      '**run-with-cgi**, standalone': [await buildStandalone('hello')],
      'run-with-cgi, unbuilt': node(file('unbuilt.mjs')),
    };
    const env = { SCRIPT_FILENAME: file('hello.php') };
    for (const [name, [program = '', ...args]] of Object.entries(all)) mustSayHello(name, program, args, { ...REQUEST, ...env });
    const measured = measure([...Object.values(all), node(file('bare-empty.cjs'))], { env });
    console.log('\n| the same hello, as a CGI process | time | : empty Node | memory |\n|---|---|---|---|');
    const names = [...Object.keys(all), '(an empty CommonJS file under Node)'];
    const table = measured.map((one, at) => ({ ...one, name: names[at] })).sort((a, b) => a.seconds - b.seconds);
    for (const { name, seconds, ratio, mebibytes } of table)
      row(name, `${(seconds * 1000).toFixed(1)} ms`, two(ratio), `${mebibytes.toFixed(1)} MiB`);
  },
  async warm() {
    const { 'a static C program': c = [], 'Go, net/http/cgi': go = [] } = makePeers(folder);
    const env = { TMPDIR: folder };
    const ways = {
      'the shell, then `cgi-fcgi`': { script: file('warm.cgi'), bar: 3 },
      'the shell, then Perl': { script: file('warm-no-cgi-fcgi.cgi'), bar: 4.5 },
      'Perl alone': { script: file('warm-perl.cgi'), bar: 2.3 },
    };
    const [shell, shellThenPerl, perl] = Object.values(ways).map(({ script }) => script) as [string, string, string];
    await buildScript('cgi-bin/hello.ts', shell, { warm: true });
    await buildScript('cgi-bin/hello.ts', perl, { warm: true, perl: '/usr/bin/perl' });
    const withoutCgiFcgi = readFileSync(shell, 'latin1').replace('command -v cgi-fcgi', 'command -v no-cgi-fcgi');
    writeFileSync(shellThenPerl, withoutCgiFcgi, { mode: 0o755, encoding: 'latin1' });
    const worker = spawn(process.execPath, ['dist/cli/main.cjs', 'fastcgi', 'cgi-bin/hello.ts', '--socket', file('hello.sock')]);
    const front = file('front.cgi');
    writeFileSync(front, `#!/usr/bin/cgi-fcgi -f\n-bind -connect ${file('hello.sock')}\n`, { mode: 0o755 });
    // What no way can go below: interpreters that only print.
    const emptyShell = file('print-shell');
    const emptyPerl = file('print-perl');
    writeFileSync(emptyShell, '#!/bin/sh -\necho hello\n', { mode: 0o755 });
    writeFileSync(emptyPerl, '#!/usr/bin/perl\nsyswrite STDOUT, "hello\\n";\n', { mode: 0o755 });
    const listens = (name: string) => execFileSync('find', [folder, '-type', 's']).toString().includes(`/${name}.`);
    const scripts = [shell, shellThenPerl, perl];
    while (!existsSync(file('hello.sock')) || !scripts.every((script) => listens(basename(script)))) {
      for (const script of scripts) mustSayHello(basename(script), script, [], { ...REQUEST, ...env });
    }
    const says = [[shell], [shellThenPerl], [perl], [front], go];
    for (const [program = ''] of [...says, c]) mustSayHello(program, program, [], { ...REQUEST, ...env });
    const measured = measure([...says, [emptyShell], [emptyPerl], c], { count: 10 * runs, env });
    worker.kill();
    const [fronted, theirs, bareShell, barePerl] = measured.slice(3) as [Measured, Measured, Measured, Measured];
    for (const [at, [name, { bar }]] of Object.entries(ways).entries()) {
      const ours = measured[at] as Measured;
      timeRow(`warm CGI by ${name} : a static C program`, ours, bar);
      const ratio = ours.ratio / theirs.ratio;
      row(`warm CGI by ${name} : Go, net/http/cgi`, two(ratio), '', 'at most 0.75', verdict(ratio <= 0.75));
    }
    timeRow('two lines for `cgi-fcgi`, worker kept by others : a static C program', fronted, 2);
    row('a script of `/bin/sh` that prints : a static C program', two(bareShell.ratio), '', '', '');
    row('a script of Perl that prints : a static C program', two(barePerl.ratio), '', '', '');
  },
  server,
  resident,
  memory,
};

function hello(what: string, binary: string, script: string): void {
  const [ours, floor] = measure([[script], [emptyScript(binary)]]) as [Measured, Measured];
  timeRow(`${what} : empty CommonJS file, time`, ours, 1.06);
  const more = ours.mebibytes - floor.mebibytes;
  row('the same, memory more', `${more.toFixed(1)} MiB`, '', 'at most 3 MiB', verdict(more <= 3));
}

function unbuilt(what: string, binary: string): void {
  const [ours] = measure([node(file('unbuilt.mjs'), binary), node(file('bare-empty.cjs'), binary)]) as [Measured];
  timeRow(`${what} : empty CommonJS file, time`, ours, 1.4);
}

function timeRow(what: string, { ratio, least, greatest, processor }: Measured, bar: number): void {
  row(
    what,
    two(ratio),
    `${two(least)} to ${two(greatest)}, processor time ${two(processor)}`,
    `at most ${two(bar)}`,
    verdict(ratio <= bar),
  );
}

/** Sends a gibibyte, against the program that sets the floor; then a quarter of it, which must not need less memory than both. */
function throughput(what: string, commands: string[][], bar: number, conditions: (bytes: number) => Conditions): void {
  const [ours, floor] = measure(commands, { count: 7, ...conditions(GIB) }) as [Measured, Measured];
  const ratio = 1 / ours.ratio;
  row(
    `${what}, throughput`,
    two(ratio),
    `${two(1 / ours.greatest)} to ${two(1 / ours.least)}`,
    `at least ${two(bar)}`,
    verdict(ratio >= bar),
  );
  const [quarter] = measure(commands, { count: 3, ...conditions(GIB / 4) }) as [Measured];
  const memory = [ours, quarter, floor].map(({ mebibytes }) => mebibytes.toFixed(0));
  row(
    'the same, peak memory',
    `${memory[0]} MiB`,
    `a quarter: ${memory[1]}, bare: ${memory[2]}`,
    'flat',
    verdict(ours.mebibytes - Math.max(quarter.mebibytes, floor.mebibytes) < 4),
  );
}

/** Throws when a program fails: one that fails fast would look fast. */
function mustSayHello(name: string, program: string, args: string[], env: Record<string, string>): void {
  const response = execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (!/^Content-type: text\/plain/im.test(response) || !response.endsWith('\r\n\r\nHello, world!\n'))
    throw new Error(`${name} should have said hello, but said ${JSON.stringify(response)}`);
}

try {
  const unknown = wanted.filter((name) => !(name in rows));
  if (unknown.length > 0) throw new Error(`There is no row ${unknown.join(', ')}; there are ${Object.keys(rows).join(', ')}`);
  await makePrograms(folder);
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, Linux ${release()}; medians of ${runs} runs, of 7 for a gibibyte.\n`,
  );
  console.log('| what | ratio | run by run | bar | |\n|---|---|---|---|---|');
  for (const [name, bench] of Object.entries(rows)) if (wanted.length === 0 || wanted.includes(name)) await bench();
} finally {
  rmSync(folder, { recursive: true });
}
