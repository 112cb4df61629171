// The examination without a web server: the command, its report, and what it leaves alone.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { findAccount } from '../../src/doctor/account.ts';
import { FINDING_CODES } from '../../src/doctor/finding.ts';
import { examine } from '../../src/doctor/index.ts';
import { mountOf } from '../../src/doctor/mounts.ts';
import { readApache } from '../../src/doctor/server/apache.ts';
import { readLogs } from '../../src/doctor/server/log.ts';
import { command, start, withFolder } from '../cli/command.ts';
import { until } from '../host/processes.ts';
import { deployments, HELLO, script } from './deployments.ts';

const account = findAccount('www-data');
const { folder, write } = withFolder({ 'hello.cgi': HELLO, 'crlf.cgi': HELLO.replaceAll('\n', '\r\n') });
beforeAll(() => chmodSync(folder, 0o755));

/** Returns the words of a process, each with a NUL behind it; "" for one that has ended. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Calls `use` with a new folder that the server's user can enter, and removes it. */
async function inFolder(use: (own: string) => Promise<void>): Promise<void> {
  const own = mkdtempSync(join(tmpdir(), 'run-with-cgi-doctor-'));
  chmodSync(own, 0o755);
  try {
    await use(own);
  } finally {
    rmSync(own, { recursive: true });
  }
}

test('docs/doctor.md explains each code, and no other', () => {
  const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8');
  const explained = [...page.matchAll(/^\| `([a-z][a-z0-9-]+)` \|/gm)].map(([, code]) => code);
  expect(explained.sort()).toEqual([...FINDING_CODES].sort());
});

describe('broken deployments that need no server to be found out', () => {
  const quick = deployments.filter(
    ({ clean, isPossible, code }) => !clean && (isPossible?.() ?? true) && !['output-endless', 'slow-start'].includes(code),
  );

  test.each(quick.map((deployment) => [deployment.name, deployment] as const))('%s', async (_name, { code, make, options, shellPath }) => {
    const own = mkdtempSync(join(tmpdir(), 'run-with-cgi-doctor-'));
    chmodSync(own, 0o755);
    const before = process.env.PATH;
    try {
      const path = join(own, make(own) ?? 'script.cgi');
      if (shellPath) process.env.PATH = `${shellPath(own)}:${before}`;
      const { findings } = await examine(path, { account, ...options });
      expect(findings.map((finding) => finding.code)).toContain(code);
      expect(findings.filter(({ mend }) => mend.length === 0)).toEqual([]);
    } finally {
      process.env.PATH = before;
      rmSync(own, { recursive: true });
    }
  });
});

describe('the command', () => {
  test('reports a healthy script, and ends with 0', async () => {
    const { code, stdout, stderr } = await command(['doctor', 'hello.cgi', '--as', 'www-data', '--safe'], { cwd: folder });
    expect(stdout.replaceAll(/\d+ ms/g, '0 ms').replaceAll(folder, '/cgi-bin')).toBe(`/cgi-bin/hello.cgi, as the user www-data would run it

  GET /cgi-bin/hello.cgi: 200, 0 ms
  GET /cgi-bin/hello.cgi again: 0 ms; sh takes 0 ms for an empty file
  HEAD /cgi-bin/hello.cgi: 200, 0 ms
  GET /cgi-bin/hello.cgi?a=%20b&%FF: 200, 0 ms

note  HEAD /cgi-bin/hello.cgi  [body-on-head]
  The answer to HEAD has a body of 6 bytes. Apache, lighttpd and nginx drop it; busybox
  httpd and Python's http.server send it, and the client takes it for the next response.
  To mend: Write no body where REQUEST_METHOD is HEAD.

All is well: the script answers.
`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('reports a broken script, and ends with 1', async () => {
    const { code, stdout } = await command(['doctor', './crlf.cgi', '--as', 'www-data'], { cwd: folder });
    expect(stdout.replaceAll(folder, '/cgi-bin')).toBe(`/cgi-bin/crlf.cgi, as the user www-data would run it

FAILS  /cgi-bin/crlf.cgi  [interpreter-line-crlf]
  The lines end in CRLF, as on Windows. Linux takes the CR for a part of the last word,
  and there is no interpreter "/bin/sh\\r".
  To mend: sed -i 's/\\r$//' /cgi-bin/crlf.cgi

Not looked at:
  The script was not run, because the server could not start it. Mend this first, and
  examine it again.

1 thing fails. docs/doctor.md explains each code.
`);
    expect(code).toBe(1);
  });

  test('--json has the same report for machines', async () => {
    const { code, stdout } = await command(['doctor', 'crlf.cgi', '--as', 'www-data', '--json'], { cwd: folder });
    const { well, script: path, user, findings } = JSON.parse(stdout);
    expect({ code, well, path, user }).toEqual({ code: 1, well: false, path: join(folder, 'crlf.cgi'), user: 'www-data' });
    expect(findings[0].mend).toEqual([{ run: `sed -i 's/\\r$//' ${join(folder, 'crlf.cgi')}` }]);
  });

  test('ends the script when a signal ends the command', async () => {
    const seconds = 20_000 + process.pid; // no other process sleeps as long
    write('sleep.cgi', `#!/bin/sh\nexec sleep ${seconds}\n`);
    const child = start(['doctor', 'sleep.cgi', '--as', 'www-data'], { cwd: folder });
    const isAsleep = () =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(commandLine)
        .includes(`sleep\0${seconds}\0`);
    await until(isAsleep);
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    await until(() => !isAsleep());
  });

  test.each([
    [['doctor'], 'Name one script to examine [option-wrong]'],
    [['doctor', 'nothing.cgi'], 'There is no file nothing.cgi [module-not-found]'],
    [['doctor', 'hello.cgi', '--as', 'nobody-here'], '--as must name a user of this machine, got nobody-here [option-wrong]'],
    [['doctor', 'hello.cgi', '--timeout', 'x'], '--timeout must be a number of seconds, got x [option-wrong]'],
    [['doctor', 'hello.cgi', '--path', 'a'], 'The path of --path must begin with "/", got a [path-wrong]'],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await command(args, { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 2, stderr: `run-with-cgi: ${message}\n` });
  });
});

describe('an examination', () => {
  test("gives the script none of the caller's variables, and the identity of the server's user", async () => {
    await inFolder(async (own) => {
      chmodSync(own, 0o777);
      script(own, `#!/bin/sh\nenv >${own}/environment\nid -un >${own}/user\n${HELLO.slice(10)}`);
      process.env.SECRET_OF_THE_CALLER = 'x';
      try {
        await examine(join(own, 'script.cgi'), { account, sendsPosts: false });
        const environment = readFileSync(join(own, 'environment'), 'utf8');
        expect(environment).toContain('GATEWAY_INTERFACE=CGI/1.1');
        expect(environment).not.toContain('SECRET_OF_THE_CALLER');
        expect(readFileSync(join(own, 'user'), 'utf8')).toBe('www-data\n');
      } finally {
        delete process.env.SECRET_OF_THE_CALLER;
      }
    });
  });

  test('names each closed folder on the way, and no open one behind it', async () => {
    await inFolder(async (own) => {
      for (const name of ['home', 'home/site', 'home/site/cgi-bin']) mkdirSync(join(own, name));
      script(join(own, 'home/site/cgi-bin'), HELLO);
      chmodSync(join(own, 'home'), 0o700);
      chmodSync(join(own, 'home/site/cgi-bin'), 0o750);
      const { findings } = await examine(join(own, 'home/site/cgi-bin/script.cgi'), { account });
      expect(findings.map(({ code, subject }) => [code, subject])).toEqual([
        ['folder-not-entered', join(own, 'home')],
        ['folder-not-entered', join(own, 'home/site/cgi-bin')],
      ]);
    });
  });

  test('of a module that has yet to be built asks for that alone', async () => {
    await inFolder(async (own) => {
      script(own, 'export default { fetch: () => new Response("hello") };\n', 'app.ts', 0o644);
      const { findings } = await examine(join(own, 'app.ts'), { account });
      expect(findings.map(({ code, mend }) => [code, mend])).toEqual([
        ['interpreter-line-missing', [{ run: `npx run-with-cgi build ${own}/app.ts -o ${own}/app.cgi` }]],
      ]);
    });
  });

  test('of a program that listens says so, whatever it prints', async () => {
    await inFolder(async (own) => {
      script(own, '#!/usr/bin/env node\nrequire("node:http").createServer().listen(0, () => console.log("listening"));\n', 'app.cjs');
      const { findings } = await examine(join(own, 'app.cjs'), { account, timeout: 2_000 });
      expect(findings.map(({ code, evidence, mend }) => [code, evidence, mend])).toEqual([
        ['never-answers', 'listening', [{ run: `npx run-with-cgi build ${own}/app.cjs -o ${own}/app.cgi` }]],
      ]);
    });
  });

  test('changes nothing', async () => {
    await inFolder(async (own) => {
      script(own, HELLO);
      const state = () =>
        readdirSync(own).map((name) => [
          name,
          readFileSync(join(own, name), 'latin1'),
          statSync(join(own, name)).mode,
          statSync(join(own, name)).mtimeMs,
        ]);
      const before = state();
      await examine(join(own, 'script.cgi'), { account });
      expect(state()).toEqual(before);
    });
  });

  test('ends a script that never ends, with all that it has started', async () => {
    await inFolder(async (own) => {
      const seconds = 10_000 + process.pid; // no other process sleeps as long
      script(own, `#!/bin/sh\nsleep ${seconds} &\nsleep ${seconds}\n`);
      const { findings } = await examine(join(own, 'script.cgi'), { account, timeout: 500 });
      expect(findings.map(({ code }) => code)).toEqual(['never-answers']);
      const commands = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(commandLine);
      expect(commands.includes(`sleep\0${seconds}\0`)).toBe(false);
    });
  });

  test('ends in time, with a process that has left the process group and holds standard error', async () => {
    await inFolder(async (own) => {
      const seconds = 30_000 + process.pid; // no other process sleeps as long
      const start = `setsid sleep ${seconds} >/dev/null </dev/null &`;
      script(own, `#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhi\\n'; ${start}\n`);
      const { findings, unseen, answers } = await examine(join(own, 'script.cgi'), { account, sendsPosts: false });
      const commands = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(commandLine);
      expect(commands.includes(`sleep\0${seconds}\0`)).toBe(false);
      // The page was complete at once, although standard error stayed open.
      expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
        ['child-holds-output', 'may-fail'],
        ['body-on-head', 'note'],
      ]);
      expect(Number(/200, (\d+) ms/.exec(answers[0] ?? '')?.[1])).toBeLessThan(1_000);
      expect(unseen).toEqual([]);
    });
  }, 20_000);

  test('gives up a process that it can neither find nor end, and says so', async () => {
    await inFolder(async (own) => {
      const seconds = 40_000 + process.pid;
      const pids = join(own, 'pids');
      chmodSync(own, 0o777);
      script(
        own,
        `#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhi\\n'; env -i setsid sleep ${seconds} </dev/null & echo $! >>${pids}\n`,
      );
      const { findings, unseen } = await examine(join(own, 'script.cgi'), { account, sendsPosts: false });
      for (const pid of readFileSync(pids, 'utf8').trim().split('\n')) {
        if (commandLine(pid).startsWith('sleep')) process.kill(Number(pid), 'SIGKILL');
      }
      expect(findings.map(({ code, severity }) => [code, severity])[0]).toEqual(['child-holds-output', 'fails']);
      expect(unseen).toEqual([expect.stringContaining('It may still run.')]);
    });
  }, 20_000);

  test('runs a script with "=" in its name', async () => {
    await inFolder(async (own) => {
      script(own, HELLO, 'a=b.cgi');
      const { answers } = await examine(join(own, 'a=b.cgi'), { account, sendsPosts: false });
      expect(answers[0]).toMatch(/: 200, \d+ ms$/);
    });
  });

  test.each([
    ['300,000 spaces', "printf '%300000s'", []],
    ['a stack of Node', "echo 'Error: x'; echo '    at run (/srv/app.js:1:2)'", ['stack-in-response']],
  ])('searches a page for a stack in no time: %s', async (_name, page, codes) => {
    await inFolder(async (own) => {
      script(own, `#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n[ "$REQUEST_METHOD" = HEAD ] || { ${page}; }\n`);
      const began = process.cpuUsage();
      const { findings } = await examine(join(own, 'script.cgi'), { account, sendsPosts: false });
      expect(findings.map(({ code }) => code)).toEqual(codes);
      expect(process.cpuUsage(began).user).toBeLessThan(3_000_000);
    });
  });

  test('with suexec refuses a script of root, and does not run it', async () => {
    await inFolder(async (own) => {
      chmodSync(own, 0o700);
      script(own, `#!/bin/sh\nid -un >${own}/user\n${HELLO.slice(10)}`);
      const { findings, answers, unseen } = await examine(join(own, 'script.cgi'), { suexec: true });
      expect(findings.map(({ code, severity }) => [code, severity])).toEqual([['suexec-owner', 'fails']]);
      expect(answers).toEqual([]);
      expect(unseen).toEqual([expect.stringContaining('because it would have run as root')]);
      expect(readdirSync(own)).toEqual(['script.cgi']);
    });
  });

  test('with suexec refuses a script whose group is one of the system', async () => {
    await inFolder(async (own) => {
      script(own, HELLO);
      const daemon = { name: 'site', uid: 65534, gid: 1, groups: [1] };
      for (const path of [own, join(own, 'script.cgi')]) chownSync(path, daemon.uid, daemon.gid);
      const { findings } = await examine(join(own, 'script.cgi'), { suexec: true, account: daemon, runs: false });
      expect(findings.map(({ code, severity }) => [code, severity])).toEqual([['suexec-owner', 'fails']]);
    });
  });

  test('of a server that runs as root is one for nobody, and with --as root one for root', async () => {
    await inFolder(async (own) => {
      const config = join(own, 'httpd.conf');
      writeFileSync(config, `User root\nScriptAlias /cgi-bin/ ${own}/\n`);
      script(own, `#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n[ "$(id -un)" != root ] || exit 3\necho hello\n`);
      const { user } = await examine(join(own, 'script.cgi'), { server: 'apache', config, sendsPosts: false });
      const asRoot = await examine(join(own, 'script.cgi'), { server: 'apache', config, account: findAccount('root'), runs: false });
      expect([user, asRoot.user]).toEqual(['nobody', 'root']);
    });
  });

  test('does not wait for a FIFO that lies where a server has a file', async () => {
    await inFolder(async (own) => {
      const config = join(own, 'httpd.conf');
      const path = join(own, 'script.cgi');
      for (const name of ['.htaccess', 'envvars', 'more.conf', 'error.log']) execFileSync('mkfifo', [join(own, name)]);
      writeFileSync(config, `Include ${own}/more.conf\nAllowOverride All\nScriptAlias /cgi-bin/ ${own}/\n`);
      expect(readApache(config, path)).toMatchObject({
        findings: [],
        unseen: [`This process may not read ${own}/more.conf, a part of the server's configuration.`],
      });
      const unseen: string[] = [];
      expect(readLogs([join(own, 'error.log')], path, unseen)).toEqual([]);
      expect(unseen.length).toBe(1);
    });
  });

  const denied = 'Require all denied';
  test.each([
    ['a pattern that JavaScript does not take', (_own: string) => `<FilesMatch "^\\.(ht|git)++">\n${denied}\n</FilesMatch>`, [], 1],
    ["another Location's path", () => `<Location /admin>\n${denied}\n</Location>`, [], 0],
    ['a LocationMatch elsewhere', () => `<LocationMatch "^/admin">\n${denied}\n</LocationMatch>`, [], 0],
    ['the Location of the script', () => `<Location /cgi-bin/>\n${denied}\n</Location>`, ['access-denied'], 0],
    ["other folders' wildcard", () => `<Directory /home/*/private/*>\n${denied}\n</Directory>`, [], 0],
    ["the folder's wildcard", (own: string) => `<Directory ${join(own, '../*')}>\n${denied}\n</Directory>`, ['access-denied'], 0],
    ["other folders' pattern", () => `<DirectoryMatch "^/home/.*/private">\n${denied}\n</DirectoryMatch>`, [], 0],
    ["the folder's pattern", () => `<Directory ~ "doctor-">\n${denied}\n</Directory>`, ['access-denied'], 0],
  ])('counts the sections of Apache that hold for the script: %s', async (_name, section, codes, unseen) => {
    await inFolder(async (own) => {
      const config = join(own, 'httpd.conf');
      writeFileSync(config, `ScriptAlias /cgi-bin/ ${own}/\nRequire all granted\n${section(own)}\n`);
      const reading = readApache(config, join(own, 'script.cgi'));
      expect(reading.findings.map(({ code }) => code)).toEqual(codes);
      expect(reading.unseen.length).toBe(unseen);
    });
  });

  test('takes no slow POST request for one that reads past the body', async () => {
    await inFolder(async (own) => {
      const slow = '[ "$REQUEST_METHOD" = GET ] || sleep 2';
      const all = '[ "$REQUEST_METHOD" != POST ] || cat >/dev/null';
      const codes = async (lines: string) => {
        script(own, HELLO.replace('\n', `\n${lines}\n`));
        const { findings } = await examine(join(own, 'script.cgi'), { account });
        return findings.map(({ code }) => code);
      };
      expect(await codes(slow)).toEqual(['body-on-head']);
      expect(await codes(all)).toEqual(['reads-past-body', 'body-on-head']);
    });
  }, 60_000);

  test('takes no single slow answer for a slow start', async () => {
    await inFolder(async (own) => {
      script(own, '', 'count', 0o666);
      const count = `echo >>${own}/count; [ $(wc -l <${own}/count) != 2 ] || sleep 1`;
      script(own, HELLO.replace('\n', `\n${count}\n`));
      const { findings } = await examine(join(own, 'script.cgi'), { account, sendsPosts: false });
      expect(findings.map(({ code }) => code)).toEqual(['body-on-head']);
    });
  });

  test('does not advise to build a slow script of the shell', async () => {
    await inFolder(async (own) => {
      script(own, HELLO.replace('\n', '\nsleep 0.6\n'));
      const { findings } = await examine(join(own, 'script.cgi'), { account, sendsPosts: false });
      expect(findings.find(({ code }) => code === 'slow-start')?.mend).toEqual([
        { change: 'Find out what script.cgi loads and connects to when it starts.' },
      ]);
    });
  });

  test('of a script whose interpreter is a FIFO says that, and waits for nothing', async () => {
    await inFolder(async (own) => {
      execFileSync('mkfifo', ['-m', '755', join(own, 'fifo')]);
      for (const line of [`#!${own}/fifo`, `#!/usr/bin/env ${own}/fifo`]) {
        script(own, `${line}\n`);
        const { findings } = await examine(join(own, 'script.cgi'), { account });
        expect(findings.map(({ code, problem }) => [code, problem])).toEqual([
          [
            'interpreter-missing',
            `The first line names the interpreter ${own}/fifo, which is no program: it is neither a file nor a link to one.`,
          ],
        ]);
      }
    });
  });

  test('without root says what it could not look at', async () => {
    await inFolder(async (own) => {
      script(own, HELLO);
      writeFileSync(
        join(own, 'examine.mjs'),
        `import { examine } from ${JSON.stringify(new URL('../../src/doctor/index.ts', import.meta.url).href)};
  import { findAccount } from ${JSON.stringify(new URL('../../src/doctor/account.ts', import.meta.url).href)};
  process.setgroups([]); process.setgid(65534); process.setuid(65534);
  console.log(JSON.stringify(await examine(${JSON.stringify(join(own, 'script.cgi'))}, { account: findAccount('www-data') })));
  `,
      );
      const tsx = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
      const report = JSON.parse(execFileSync(process.execPath, ['--import', tsx, join(own, 'examine.mjs')], { encoding: 'utf8' }));
      expect(report.unseen).toEqual([
        `This process is nobody, and only root can run the script as www-data. The folders were judged by their mode bits, and the script ran as nobody. For the rest: sudo npx run-with-cgi doctor ${join(own, 'script.cgi')} --as www-data`,
      ]);
      expect(report.findings.map(({ code }: { code: string }) => code)).toEqual(['body-on-head']);
    });
  });
});

test.each([undefined, '/usr/bin/perl'])('the examination of a warm script starts no worker; Perl: %s', async (perl) => {
  await inFolder(async (own) => {
    const module = join(own, 'app.mjs');
    writeFileSync(
      module,
      `import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
export const application = (environ, startResponse) => {
  rmdirSync(mkdtempSync(tmpdir() + '/of-the-application-'));
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return 'hello';
};
`,
    );
    const path = join(own, 'script.cgi');
    await buildScript(module, path, { exportName: 'application', warm: true, perl });
    const { answers, findings } = await examine(path, { account });
    // The Node in the server's PATH may be another than the one that has built the script, which is noted.
    const faults = findings.filter(({ severity }) => severity !== 'note');
    expect({ well: answers[0]?.includes(': 200'), faults }).toEqual({ well: true, faults: [] });
    await new Promise((resolve) => setTimeout(resolve, 500)); // a worker would have started by now
    const commands = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(commandLine);
    expect(commands.filter((line) => line.includes(path)).length).toBe(0);
  });
});

test('a built file whose compiled code this Node does not take is noted, with what that costs', async () => {
  await inFolder(async (own) => {
    const bytes = readFileSync(new URL('../../dist/cgi-bin/hello.cgi', import.meta.url));
    script(own, bytes, 'same.cgi');
    const end = bytes.length - 11;
    const list = end - Number(bytes.toString('latin1', end, end + 8));
    const [, , , codeLength, codeCacheLength] = JSON.parse(bytes.toString('latin1', list, end));
    const code = list - codeCacheLength - codeLength;
    bytes.writeUInt32LE(bytes.readUInt32LE(code + 4) ^ 1, code + 4); // the version of V8
    script(own, bytes, 'other.cgi');
    const findings = async (name: string) => (await examine(join(own, name), { account })).findings;
    expect(await findings('same.cgi')).toEqual([]);
    const [finding, ...more] = await findings('other.cgi');
    expect({ code: finding?.code, severity: finding?.severity, more }).toEqual({ code: 'code-cache-rejected', severity: 'note', more: [] });
    expect(finding?.problem).toMatch(/V8 compiles \d+ kB of source anew, which takes \d+\.\d ms at first/);
  });
});

test('the mount of a path is the longest one, and its spaces are decoded', () => {
  const mounts = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
28 27 0:30 / /srv/my\\040scripts rw,noexec,nosuid - tmpfs none rw
`;
  expect(mountOf('/srv/my scripts/a.cgi', mounts)).toEqual({ point: '/srv/my scripts', options: ['rw', 'noexec', 'nosuid'] });
  expect(mountOf('/srv/my scripts2/a.cgi', mounts)?.point).toBe('/');
});
