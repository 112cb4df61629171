// The real web servers, each configured for a cgi-bin as its own documentation does it. They run in the foreground, on a free port
// of the loopback interface.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';

export interface Site {
  /** Holds everything: root/cgi-bin/, logs/, marks/. */
  folder: string;
  port: number;
  /** A free port for the application that the server connects to. */
  gatewayPort: number;
}

export interface RealServer {
  name: string;
  /** The claims of the cases that are for this server; undefined for all. */
  only?: RegExp;
  /** Writes the configuration into the site's folder, and returns the commands to run, in order. */
  commands(site: Site): string[][];
}

/** Returns the command of an Apache with these modules; `lines` say what it serves. */
export function apache({ folder, port }: Site, modules: string[], lines: string): string[] {
  writeFileSync(
    join(folder, 'httpd.conf'),
    `ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
ErrorLog ${folder}/logs/error.log
User www-data
Group www-data
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
DocumentRoot ${folder}/root
${lines}
`,
  );
  return ['/usr/sbin/apache2', '-f', join(folder, 'httpd.conf'), '-DFOREGROUND'];
}

/** Returns the command of a lighttpd with these modules; `lines` say what it serves. */
export function lighttpd({ folder, port }: Site, modules: string[], lines: string): string[] {
  writeFileSync(
    join(folder, 'lighttpd.conf'),
    `server.document-root = "${folder}/root"
server.bind = "127.0.0.1"
server.port = ${port}
server.username = "www-data"
server.groupname = "www-data"
server.modules = ( ${modules.map((name) => `"${name}"`).join(', ')} )
server.errorlog = "${folder}/logs/error.log"
server.breakagelog = "${folder}/logs/breakage.log"
${lines}
`,
  );
  return ['/usr/sbin/lighttpd', '-D', '-f', join(folder, 'lighttpd.conf')];
}

/** Returns the command of an nginx with `lines` in its "http" block. */
export function nginx({ folder }: Site, lines: string): string[] {
  const places = ['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((kind) => `  ${kind}_temp_path ${folder}/${kind};`);
  writeFileSync(
    join(folder, 'nginx.conf'),
    `user www-data;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/logs/error.log;
events {}
http {
  access_log off;
${places.join('\n')}
${lines}
}
`,
  );
  return ['/usr/sbin/nginx', '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
}

const apacheWithCgi = (name: string, cgi: string, mpm: string, more = ''): RealServer => ({
  name,
  commands: (site) => [
    apache(
      site,
      [`mpm_${mpm}`, 'authz_core', 'alias', 'env', cgi],
      `${cgi === 'cgid' ? `ScriptSock ${site.folder}/cgid.sock` : ''}
ScriptAlias /cgi-bin/ ${site.folder}/root/cgi-bin/
ErrorDocument 404 /cgi-bin/environ.cgi/error-document
<Directory ${site.folder}/root/cgi-bin>
  Require all granted
  CGIPassAuth On
  SetEnv ap_trust_cgilike_cl 1
</Directory>
${more}`,
    ),
  ],
});

const fcgiwrap = ({ folder }: Site): string[] => [
  ...['/usr/bin/spawn-fcgi', '-n', '-s', join(folder, 'fcgiwrap.sock'), '-M', '0666', '-u', 'www-data', '-g', 'www-data'],
  ...['--', '/usr/sbin/fcgiwrap', '-c', '8', '-f'],
];

/** Returns the command of a HAProxy with `lines` behind its defaults. */
export function haproxy({ folder }: Site, lines: string): string[] {
  writeFileSync(
    join(folder, 'haproxy.cfg'),
    `global
  log stderr format raw local0
defaults
  mode http
  log global
  timeout client 20s
  timeout connect 20s
  timeout server 20s
${lines}`,
  );
  return ['/usr/sbin/haproxy', '-db', '-f', join(folder, 'haproxy.cfg')];
}

export const servers: RealServer[] = [
  apacheWithCgi('Apache mod_cgid', 'cgid', 'event'),
  apacheWithCgi('Apache mod_cgi', 'cgi', 'prefork', 'AllowEncodedSlashes NoDecode'),
  {
    name: 'lighttpd',
    commands: (site) => [
      lighttpd(
        site,
        ['mod_cgi', 'mod_setenv'],
        `server.stream-response-body = 1
$HTTP["url"] =~ "^/cgi-bin/" {
  cgi.assign = ( "" => "" )
  setenv.set-environment = ( "PATH" => "${process.env.PATH}" )
}`,
      ),
    ],
  },
  {
    name: 'busybox httpd',
    commands: ({ folder, port }) => [
      ['/bin/busybox', 'httpd', '-f', '-p', `127.0.0.1:${port}`, '-u', 'www-data', '-h', join(folder, 'root')],
    ],
  },
  {
    name: 'nginx with fcgiwrap',
    commands: (site) => [
      fcgiwrap(site),
      nginx(
        site,
        `server {
  listen 127.0.0.1:${site.port};
  client_max_body_size 100m;
  location /cgi-bin/ {
    root ${site.folder}/root;
    fastcgi_split_path_info ^(/cgi-bin/[^/]+)(/.*)?$;
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
    fastcgi_param PATH_INFO $fastcgi_path_info;
    fastcgi_param NO_BUFFERING "";
    fastcgi_buffering off;
    fastcgi_pass unix:${site.folder}/fcgiwrap.sock;
  }
}`,
      ),
    ],
  },
  {
    name: 'HAProxy with fcgiwrap',
    // HAProxy 2.6.12 crashes during other cases.
    only: /^hello$|required variable|every adapter|Location|^a 200|an application of/,
    commands: (site) => [
      fcgiwrap(site),
      haproxy(
        site,
        `frontend web
  bind 127.0.0.1:${site.port}
  default_backend scripts
backend scripts
  use-fcgi-app scripts
  server fcgiwrap unix@${site.folder}/fcgiwrap.sock proto fcgi
fcgi-app scripts
  docroot ${site.folder}/root
  path-info ^(/cgi-bin/[^/]+)(/.*)?$
  pass-header Authorization
  log-stderr global
`,
      ),
    ],
  },
  {
    name: 'the development server',
    commands: ({ folder, port }) => [
      [process.execPath, fileURLToPath(new URL('development-server.mjs', import.meta.url)), folder, String(port)],
    ],
  },
  {
    name: 'Python http.server',
    commands: ({ folder, port }) => [
      ['/usr/bin/python3', '-m', 'http.server', '--cgi', '--bind', '127.0.0.1', '--directory', join(folder, 'root'), String(port)],
    ],
  },
];

export interface Running extends Site {
  log(): string;
  /** Runs one more command beside the server, until that is stopped. */
  run(command: string[]): ChildProcess;
  stop(): Promise<void>;
}

/** Starts `server` with the scripts that `fill` puts into its cgi-bin. Throws an error with the log when the server does not start. */
export async function start(server: RealServer, fill: (cgiBin: string) => void): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-server-'));
  const site = { folder, port: await freePort(), gatewayPort: await freePort() };
  for (const name of ['root', 'root/cgi-bin', 'logs', 'marks']) {
    mkdirSync(join(folder, name));
    chmodSync(join(folder, name), 0o755);
  }
  chmodSync(folder, 0o755);
  for (const name of ['logs', 'marks']) chmodSync(join(folder, name), 0o777);
  for (const name of ['error.log', 'breakage.log', 'output.log']) {
    writeFileSync(join(folder, 'logs', name), '');
    chmodSync(join(folder, 'logs', name), 0o666);
  }
  chownSync(folder, 33, 33); // www-data: Apache puts its socket there
  fill(join(folder, 'root/cgi-bin'));
  const log = () =>
    readdirSync(join(folder, 'logs'))
      .map((name) => readFileSync(join(folder, 'logs', name), 'latin1'))
      .join('') + output;

  let output = '';
  const children: ChildProcess[] = [];
  const run = ([command = '', ...options]: string[]) => {
    const child = spawn(command, options, {
      cwd: join(folder, 'root'),
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // Apache ends its whole process group, which would be ours
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => {
        output += text.toString('latin1');
      });
    child.on('error', (error) => {
      output += error.message;
    });
    children.push(child);
    return child;
  };
  for (const command of server.commands(site)) run(command);
  const stop = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      child.kill('SIGTERM');
      const kill = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 3000);
      await once(child, 'exit');
      clearTimeout(kill);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; !(await isUp(site.port)); tries++) {
    if (tries === 100 || children.some((child) => child.exitCode !== null)) {
      const said = log();
      await stop();
      throw new Error(`${server.name} did not start:\n${said}`);
    }
    await sleep(50);
  }
  return { ...site, log, run, stop };
}

async function isUp(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
