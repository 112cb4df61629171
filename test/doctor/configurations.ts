// Servers that are configured in a way that no script runs under, or not this one: each fails with a real server, and the
// examination reads the cause out of the configuration, the limits of the process, or the log.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FindingCode } from '../../src/doctor/finding.ts';
import type { ServerName } from '../../src/doctor/server/facts.ts';
import { apache, lighttpd, nginx, type Site } from '../servers/servers.ts';
import { HELLO, script } from './deployments.ts';
import type { Answer, Question } from './site.ts';

export interface Configuration {
  name: string;
  /** The codes that are found. Empty for a configuration that is right. */
  codes: FindingCode[];
  server: ServerName;
  /** The name of the configuration in the site's folder; undefined for a server without one. */
  config?: string;
  commands(site: Site): string[][];
  /** Makes the script, and returns its path. Default: hello.cgi in the cgi-bin. */
  make?(cgiBin: string): string;
  question?: Question;
  isBroken?(answer: Answer | undefined): boolean;
  shellPath?(cgiBin: string): string;
  isPossible?(): boolean;
  clean?(): void;
}

const CGI = ['mpm_event', 'authz_core', 'alias', 'env', 'cgid'];
const httpd = (lines: (site: Site) => string, modules = CGI) => ({
  server: 'apache' as const,
  config: 'httpd.conf',
  commands: (site: Site) => [
    apache(
      site,
      modules,
      `${modules.includes('cgid') ? `ScriptSock ${site.folder}/cgid.sock\n` : ''}${modules.includes('mime') ? 'TypesConfig /dev/null\n' : ''}${lines(site)}`,
    ),
  ],
});
const lighty = (lines: string, modules = ['mod_cgi', 'mod_setenv'], before: string[] = []) => ({
  server: 'lighttpd' as const,
  config: 'lighttpd.conf',
  commands: (site: Site) => [[...before, ...lighttpd(site, modules, lines)]],
});

const alias = ({ folder }: Site) => `ScriptAlias /cgi-bin/ ${folder}/root/cgi-bin/`;
const directory = ({ folder }: Site, lines: string) => `<Directory ${folder}/root/cgi-bin>\n${lines}\n</Directory>`;
const granted = (site: Site, more = '') => `${alias(site)}\n${directory(site, `Require all granted\n${more}`)}`;
const PATH = `setenv.set-environment = ( "PATH" => "/usr/local/bin:/usr/bin:/bin" )`;
const ALL = 'cgi.assign = ( "" => "" )';
const showsSource = (answer: Answer | undefined) => answer?.body.startsWith('#!') === true;
const NODE = '#!/usr/bin/env node\nprocess.stdout.write("Content-Type: text/plain\\n\\nhello\\n");\n';
const nodeScript = (cgiBin: string) => script(cgiBin, NODE) ?? join(cgiBin, 'script.cgi');
const LOGIN =
  '#!/bin/sh\n[ -n "$HTTP_AUTHORIZATION" ] || { printf "Status: 401 Unauthorized\\nWWW-Authenticate: Basic\\nContent-Type: text/plain\\n\\n"; exit; }\nprintf "Content-Type: text/plain\\n\\nwelcome\\n"\n';
const PASSWORD: Question = { headers: ['Authorization: Basic YTpi'] };
const login = (cgiBin: string) => script(cgiBin, LOGIN) ?? join(cgiBin, 'script.cgi');

/** The folder below /var/www in which suexec starts scripts. */
let suexecFolder = '';
const suexec = (change: (folder: string) => void) => ({
  ...httpd(
    (site) =>
      `SuexecUserGroup nobody nogroup\nScriptAlias /cgi-bin/ ${suexecFolder}/\n<Directory ${suexecFolder}>\nRequire all granted\n</Directory>\n# ${site.port}`,
    [...CGI, 'suexec'],
  ),
  isPossible: () => existsSync('/usr/lib/apache2/suexec'),
  make() {
    mkdirSync('/var/www', { recursive: true });
    suexecFolder = mkdtempSync('/var/www/run-with-cgi-suexec-');
    chmodSync(suexecFolder, 0o755);
    script(suexecFolder, HELLO);
    for (const path of [suexecFolder, join(suexecFolder, 'script.cgi')]) chownSync(path, 65534, 65534);
    change(suexecFolder);
    return join(suexecFolder, 'script.cgi');
  },
  clean: () => rmSync(suexecFolder, { recursive: true }),
});

export const configurations: Configuration[] = [
  { name: 'Apache as it should be', codes: [], ...httpd((site) => granted(site, 'CGIPassAuth On')), make: login, question: PASSWORD },
  {
    name: 'Apache with CGI in an .htaccess',
    codes: [],
    ...httpd(
      (site) => `Alias /cgi-bin/ ${site.folder}/root/cgi-bin/\n${directory(site, 'Require all granted\nAllowOverride All')}`,
      [...CGI, 'mime'],
    ),
    make(cgiBin) {
      writeFileSync(join(cgiBin, '.htaccess'), 'Options +ExecCGI\nAddHandler cgi-script .cgi\n');
      return script(cgiBin, HELLO) ?? join(cgiBin, 'script.cgi');
    },
  },
  {
    name: 'Apache without mod_cgid',
    codes: ['cgi-module-missing'],
    ...httpd(
      granted,
      CGI.filter((name) => name !== 'cgid'),
    ),
    isBroken: showsSource,
  },
  {
    name: 'Apache without ExecCGI',
    codes: ['cgi-off'],
    ...httpd(
      (site) => `Alias /cgi-bin/ ${site.folder}/root/cgi-bin/\nAddHandler cgi-script .cgi\n${directory(site, 'Require all granted')}`,
      [...CGI, 'mime'],
    ),
  },
  {
    name: 'Apache with ExecCGI that a folder below takes back',
    codes: ['cgi-off'],
    ...httpd(
      (site) =>
        `Alias /cgi-bin/ ${site.folder}/root/cgi-bin/\nAddHandler cgi-script .cgi\n<Directory ${site.folder}/root>\nOptions +ExecCGI\n</Directory>\n${directory(site, 'Options Indexes\nRequire all granted')}`,
      [...CGI, 'mime'],
    ),
  },
  {
    name: 'Apache without a handler',
    codes: ['cgi-off'],
    ...httpd(
      (site) => `Alias /cgi-bin/ ${site.folder}/root/cgi-bin/\n${directory(site, 'Options +ExecCGI\nRequire all granted')}`,
      [...CGI, 'mime'],
    ),
    isBroken: showsSource,
  },
  {
    name: 'Apache that refuses the folder',
    codes: ['access-denied'],
    ...httpd((site) => `${alias(site)}\n<Directory />\nRequire all denied\n</Directory>`),
  },
  {
    name: 'Apache that keeps Authorization to itself',
    codes: ['authorization-missing'],
    ...httpd(granted),
    make: login,
    question: PASSWORD,
  },
  {
    name: 'Apache with a limit to memory',
    codes: ['limit-address-space'],
    ...httpd((site) => granted(site, 'RLimitMEM 300000000')),
    make: nodeScript,
  },
  {
    name: 'Apache with a limit to processes',
    codes: ['limit-processes'],
    ...httpd((site) => granted(site, 'RLimitNPROC 1')),
    make: nodeScript,
  },
  { name: 'suexec as it wants it', codes: [], ...suexec(() => {}) },
  {
    name: "suexec and another user's script",
    codes: ['suexec-owner'],
    ...suexec((folder) => chownSync(join(folder, 'script.cgi'), 33, 33)),
  },
  { name: "suexec and another user's folder", codes: ['suexec-owner'], ...suexec((folder) => chownSync(folder, 0, 0)) },
  {
    name: 'suexec and a script that the group may write to',
    codes: ['suexec-writable'],
    ...suexec((folder) => chmodSync(join(folder, 'script.cgi'), 0o775)),
  },
  { name: 'suexec and a folder that all may write to', codes: ['suexec-writable'], ...suexec((folder) => chmodSync(folder, 0o777)) },
  { name: 'suexec and a setuid bit', codes: ['setuid-ignored'], ...suexec((folder) => chmodSync(join(folder, 'script.cgi'), 0o4755)) },

  { name: 'lighttpd as it should be', codes: [], ...lighty(`${ALL}\n${PATH}`) },
  {
    name: 'lighttpd that names the interpreter',
    codes: [],
    ...lighty('cgi.assign = ( ".cgi" => "/bin/sh" )'),
    make: (cgiBin) => script(cgiBin, HELLO.slice(10), 'script.cgi', 0o644) ?? join(cgiBin, 'script.cgi'),
  },
  {
    name: 'lighttpd without mod_cgi',
    codes: ['cgi-module-missing'],
    ...lighty('mimetype.assign = ( "" => "text/plain" )', ['mod_setenv']),
    isBroken: showsSource,
  },
  {
    name: 'lighttpd with another ending',
    codes: ['cgi-off'],
    ...lighty('cgi.assign = ( ".pl" => "/usr/bin/perl" )'),
    isBroken: showsSource,
  },
  {
    name: 'lighttpd without a PATH',
    codes: ['interpreter-not-in-path'],
    ...lighty(ALL),
    make(cgiBin) {
      mkdirSync(join(cgiBin, 'tools'));
      copyFileSync(realpathSync('/bin/sh'), join(cgiBin, 'tools/run-page'));
      return script(cgiBin, HELLO.replace('/bin/sh', '/usr/bin/env run-page')) ?? join(cgiBin, 'script.cgi');
    },
    shellPath: (cgiBin) => join(cgiBin, 'tools'),
  },
  {
    name: 'lighttpd that was started with a limit to memory',
    codes: ['limit-address-space'],
    ...lighty(`${ALL}\n${PATH}`, undefined, ['/bin/sh', '-c', 'ulimit -v 300000; exec "$@"', 'sh']),
    make: nodeScript,
  },
  {
    name: 'busybox httpd and a script outside of cgi-bin',
    codes: ['cgi-off'],
    server: 'busybox',
    commands: ({ folder, port }) => [
      ['/bin/busybox', 'httpd', '-f', '-p', `127.0.0.1:${port}`, '-u', 'www-data', '-h', join(folder, 'root')],
    ],
    make(cgiBin) {
      execFileSync('mv', [cgiBin, join(cgiBin, '../scripts')]);
      return script(join(cgiBin, '../scripts'), HELLO) ?? join(cgiBin, '../scripts/script.cgi');
    },
    question: { path: '/scripts/script.cgi' },
    isBroken: showsSource,
  },
  {
    name: 'nginx and a socket that it may not write to',
    codes: ['socket-not-reachable'],
    server: 'nginx',
    config: 'nginx.conf',
    commands: (site) => [
      ['/usr/bin/spawn-fcgi', '-n', '-s', join(site.folder, 'fcgiwrap.sock'), '-M', '0600', '--', '/usr/sbin/fcgiwrap'],
      nginx(
        site,
        `server { listen 127.0.0.1:${site.port}; root ${site.folder}/root; location / { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:${site.folder}/fcgiwrap.sock; } }`,
      ),
    ],
  },
];
