// Follows docs/deploy.md on a fresh Debian for each of its web servers: writes its files, runs its commands in their order, and
// checks what the page says of each server besides.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onFreshDebian } from './debian.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/deploy.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-deploy-'));
const script = join(folder, 'hello.cgi');

/** Builds the application of docs/guide.md, as docs/deploy.md says. */
beforeAll(() => {
  const [, source = ''] = /^```js hello\.mjs\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, 'docs/guide.md'), 'utf8')) ?? [];
  writeFileSync(join(folder, 'hello.mjs'), source);
  const [, build = ''] = /^npx (run-with-cgi build .*)$/m.exec(page) ?? [];
  execFileSync(process.execPath, [join(root, 'dist/cli/main.cjs'), ...build.split(' ').slice(1)], { cwd: folder, stdio: 'ignore' });
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Step {
  command: string;
  /** The output that the page shows; it shows that of commands behind "$", not of root's behind "#". */
  expected: string | undefined;
}

const BLOCK = /^```(\w+)(?: (\/\S+))?\n([\s\S]*?)^```$/gm;

/** Returns the files and the commands of a section, in their order. */
function stepsOf(section: string): Step[] {
  return [...section.matchAll(BLOCK)].flatMap(([, language, path, block = '']) => {
    if (path !== undefined) return [{ command: `cat >${path} <<'END OF FILE'\n${block}END OF FILE\n`, expected: undefined }];
    if (language !== 'console') return [];
    return block.split(/^(?=[#$] )/m).map((text): Step => {
      const end = text.indexOf('\n') + 1;
      return { command: text.slice(2, end), expected: text.startsWith('$') ? text.slice(end) : undefined };
    });
  });
}

const sections = new Map(page.split(/^## /m).map((text) => [text.slice(0, text.indexOf('\n')), stepsOf(text)]));

const INSTALLED = 'cp dist/cgi-bin/*.cgi /srv/www/cgi-bin/\nset +e\n';

type Check = [claim: string, command: (site: string) => string, expected: string, ...not: string[]];

/** What each server does besides the commands of the page. */
const CHECKS: Check[] = [
  ['takes a body of 2 MB', (site) => `head -c 2000000 /dev/zero | curl -s --data-binary @- ${site}/echo.cgi | wc -c`, '2000000\n'],
  [
    'gives the path behind the script, and the query',
    (site) => `curl -s '${site}/environ.cgi/a%20b?c=d' | grep -E '^(SCRIPT_NAME|PATH_INFO|QUERY_STRING)='`,
    'PATH_INFO=/a b\nQUERY_STRING=c=d\nSCRIPT_NAME=/cgi-bin/environ.cgi\n',
  ],
  [
    'gives Authorization',
    (site) => `curl -s -u user:word ${site}/environ.cgi | grep ^HTTP_AUTHORIZATION=`,
    'HTTP_AUTHORIZATION=Basic dXNlcjp3b3Jk\n',
    'busybox httpd', // it is for the server alone
    "Python's http.server",
    'mini-httpd',
  ],
  [
    'lets people sign the guestbook, whatever other users have put into the shared /tmp',
    (site) => `install -m 600 /dev/null /tmp/guestbook.jsonl
curl -s -o /dev/null -d 'name=A&message=B' ${site}/form.cgi
# mini_httpd may close the connection before the script has signed.
for i in 1 2 3 4 5 6 7 8 9; do curl -s ${site}/form.cgi | grep -q '<b>A</b>' && break; sleep 0.5; done
curl -s ${site}/form.cgi | grep -c '<b>A</b>'`,
    '1\n',
  ],
];

const SERVERS: [section: string, log: string | undefined, service: string | undefined, port?: number][] = [
  ['Apache', '/var/log/apache2/error.log', 'apache2'],
  ['Apache, by .htaccess', '/var/log/apache2/error.log', 'apache2'],
  ['lighttpd', '/var/log/lighttpd/breakage.log', 'lighttpd'],
  ['busybox httpd', undefined, undefined, 8080],
  ["Python's http.server", undefined, undefined, 8081],
  ['uwsgi', undefined, undefined, 8082],
  ['mini-httpd', undefined, undefined, 8083],
  ['nginx with fcgiwrap', '/var/log/nginx/error.log', 'nginx'],
];

/** What a host has done before its customer puts files there. */
const HOSTS: Readonly<Record<string, string>> = {
  'Apache, by .htaccess': `mkdir -p /srv/www
cat >/etc/apache2/sites-available/000-default.conf <<'END OF FILE'
DocumentRoot /srv/www
<Directory /srv/www>
  AllowOverride Options FileInfo
  Require all granted
</Directory>
END OF FILE
a2enmod cgid env setenvif
a2disconf serve-cgi-bin
service apache2 restart
`,
};

interface Limits {
  /** The configuration with the limits, and the command that makes the server read it again. */
  file: string;
  restart: string;
  /** The statuses that clients get, as curl prints them: "000" is none. */
  tooLarge: string;
  tooLate: string;
}

const LIMITS: Readonly<Record<string, Limits>> = {
  Apache: {
    file: '/etc/apache2/conf-available/scripts.conf',
    restart: 'service apache2 restart',
    tooLarge: '413',
    tooLate: '504',
  },
  lighttpd: {
    file: '/etc/lighttpd/conf-available/50-scripts.conf',
    restart: 'service lighttpd restart',
    tooLarge: '413',
    tooLate: '504',
  },
  uwsgi: {
    file: '/etc/uwsgi-scripts.ini',
    restart: 'pkill uwsgi; sleep 1; uwsgi --ini /etc/uwsgi-scripts.ini &',
    tooLarge: '000',
    tooLate: '000',
  },
  'nginx with fcgiwrap': {
    file: '/etc/nginx/sites-available/scripts',
    restart: 'service nginx restart',
    tooLarge: '413',
    tooLate: '504',
  },
};

/** A script that never answers. */
const SLEEP = `printf '#!/bin/sh\\nexec sleep 30\\n' >/srv/www/cgi-bin/sleep.cgi && chmod 755 /srv/www/cgi-bin/sleep.cgi`;

const MARK = '=== next ===';

/** Runs all steps in one session, and returns the output of each. */
function run(steps: Step[], site: string): string[] {
  const session = steps.map(({ command }) => {
    const upFirst = command.includes('curl ') ? `curl -s -o /dev/null --retry 30 --retry-delay 1 --retry-connrefused ${site}\n` : '';
    return `${upFirst}${command}echo '${MARK}'\n`;
  });
  return onFreshDebian(session.join(''), script).replaceAll('\r\n', '\n').split(`${MARK}\n`);
}

describe.each(SERVERS)('%s', (name, log, service, port = 80) => {
  const site = `http://localhost${port === 80 ? '' : `:${port}`}/cgi-bin`;
  const shown = [...(sections.get('A shell') ?? []), ...(sections.get(name) ?? [])];
  const host = name in HOSTS ? [{ command: HOSTS[name] ?? '', expected: undefined }] : [];
  const checks = CHECKS.filter(([, , , ...not]) => !not.includes(name)).map(([claim, command, expected]) => {
    return { claim, command: `${command(site)}\n`, expected };
  });
  const logs = {
    claim: 'logs why a script fails',
    command: `curl -s -o /dev/null ${site}/broken.cgi/throw
for try in 1 2 3 4 5; do grep -o 'thrown before' ${log} && break; sleep 1; done
`,
    expected: 'thrown before\n',
  };
  const limits = LIMITS[name];
  const isUp = `curl -s --retry 30 --retry-delay 1 --retry-connrefused ${site}/hello.cgi`;
  const status = `curl -s -o /dev/null --max-time 20 -w '%{http_code}\\n'`;
  const limited = limits && [
    {
      claim: 'refuses a body of 200 MB',
      command: `${status} -X POST -H 'Content-Length: 200000000' ${site}/echo.cgi\n`,
      expected: `${limits.tooLarge}\n`,
    },
    {
      claim: 'starts once more, with a shorter time-out',
      command: `sed -i -E 's/\\b60(s?)\\b/2\\1/' ${limits.file}\n(${limits.restart}) >/dev/null 2>&1\n${isUp}\n`,
      expected: 'Hello, world!\n',
    },
    {
      claim: 'gives up a script that does not answer',
      command: `${SLEEP}\n${status} ${site}/sleep.cgi\n`,
      expected: `${limits.tooLate}\n`,
    },
  ];
  const again = {
    claim: 'starts once more',
    command: `service ${service} restart >/dev/null 2>&1; ${isUp}\n`,
    expected: 'Hello, world!\n',
  };
  const more = [...checks, ...(log ? [logs] : []), ...(limited ?? (service ? [again] : []))];
  let outputs: string[] = [];
  beforeAll(() => {
    outputs = run([...host, ...shown, { command: INSTALLED, expected: undefined }, ...more], site).slice(host.length);
  }, 180_000);

  test('as the page shows it', () => {
    expect(shown.some(({ expected }) => expected?.includes('Hello'))).toBe(true);
    const printed = shown.map(({ expected }, at) => (expected === undefined ? undefined : outputs[at]));
    expect(printed).toEqual(shown.map(({ expected }) => expected));
  });

  test.each(more.map((check, at) => ({ ...check, at })))('$claim', ({ expected, at }) => {
    expect(outputs[shown.length + 1 + at]).toBe(expected);
  });
});
