// run-with-cgi init: the configurations of docs/deploy.md and docs/resident-servers.md, which the tests of the servers run.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RECIPES } from '../../src/cli/recipes.ts';
import { command, withFolder } from './command.ts';

const { folder } = withFolder({});
const run = (...words: string[]) => command(['init', ...words], { cwd: folder });
const pages = ['deploy', 'resident-servers'].map((name) =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}.md`, import.meta.url)), 'utf8'),
);
const blocks = pages.flatMap((page) => [...page.matchAll(/^```\w+ \S+\n([\s\S]*?)^```$/gm)].map(([, content]) => content));
const commands = pages.flatMap((page) => [...page.matchAll(/^# (.*)$/gm)].map(([, text]) => text));
const withoutComments = (text: string) => text.replace(/^#.*\n/gm, '');

test.each(RECIPES)('%s is what its page has, with what to know in comments before it', async (name) => {
  const { stdout, stderr, code } = await run(name);
  expect([stderr, code]).toEqual(['', 0]);
  expect(stdout).toMatch(/^# \w.*\n# (?: |First|Then|The|- )/);
  for (const line of stdout.split('\n').filter((text) => text.startsWith('#') && !text.includes('run-with-cgi')))
    expect(line.length).toBeLessThanOrEqual(80);
  const content = withoutComments(stdout);
  if (['busybox', 'python'].includes(name)) {
    expect(commands).toEqual(expect.arrayContaining(content.trimEnd().split('\n')));
  } else {
    expect(blocks).toContain(content);
  }
});

test('a configuration has the paths of the options', async () => {
  const { stdout } = await run('apache-fcgid', '--path', '/shop', '--script', '/opt/app/app.cgi');
  expect(withoutComments(stdout)).toBe(`ScriptAlias /shop /opt/app/app.cgi
FcgidMaxRequestLen 104857600
FcgidIOTimeout 60
FcgidMaxProcessesPerClass 8
FcgidOutputBufferSize 0
<Directory /opt/app>
  SetHandler fcgid-script
  CGIPassAuth On
  Require all granted
  <If "%{HTTP:Content-Length} -gt 104857600">
    Redirect 413 /
  </If>
</Directory>
`);
  const scgi = await run('apache-scgi', '--port', '9009', '--path', '/app/2');
  expect(scgi.stdout).toContain('run-with-cgi scgi app.mjs --port 9009 --script-name /app/2\n');
  expect(withoutComments(scgi.stdout)).toMatch(/^ProxyPass \/app\/2 scgi:\/\/127\.0\.0\.1:9009\/app\/2 flushpackets=on/);
  const lighttpd = await run('lighttpd-bin-path', '--path', '/shop', '--socket', '/run/app', '--script', '/app/x.cgi');
  expect(withoutComments(lighttpd.stdout)).toContain(`$HTTP["url"] == "/shop" { url.redirect = ( "" => "/shop/\${qsa}" ) }
fastcgi.server = ( "/shop/" => ((
  "bin-path" => "/app/x.cgi",
  "bin-environment" => ( "RUN_WITH_CGI_SCRIPT_NAME" => "/shop" ),
  "socket" => "/run/app",
`);
  expect(withoutComments((await run('apache', '--root', '/home/ada/www')).stdout)).toMatch(
    /^ScriptAlias \/cgi-bin\/ \/home\/ada\/www\/cgi-bin\/\n<Directory \/home\/ada\/www\/cgi-bin>\n/,
  );
});

test.each([
  [[], `Name one web server: ${RECIPES.join(', ')}`],
  [['apache', 'lighttpd'], `Name one web server: ${RECIPES.join(', ')}`],
  [['apachee'], 'There is no recipe apachee; did you mean apache?'],
  [['iis'], `There is no recipe iis; there are ${RECIPES.join(', ')}`],
  [['toString'], `There is no recipe toString; there are ${RECIPES.join(', ')}`],
  [['apache', '--socket', '/run/x'], '--socket is not for apache'],
  [['caddy', '--path', 'shop'], '--path must be an absolute path of plain characters, without a slash at its end, got shop'],
  [['caddy', '--path', '/shop/'], '--path must be an absolute path of plain characters, without a slash at its end, got /shop/'],
  [['apache', '--root', '/srv/"a'], '--root must be an absolute path of plain characters, without a slash at its end, got /srv/"a'],
  [['apache-scgi', '--port', '65536'], '--port must be a number from 1 to 65535, got 65536'],
])('%j', async (words, message) => {
  expect(await run(...words)).toMatchObject({ code: 2, stdout: '', stderr: `run-with-cgi: ${message} [option-wrong]\n` });
});
