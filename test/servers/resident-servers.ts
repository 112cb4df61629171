// The real servers that speak FastCGI or SCGI, each with the configuration that docs/resident-servers.md shows for it, and the lines
// that a whole configuration needs besides. "/app" is a resident application, which the test or the server starts.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apache, haproxy, lighttpd, nginx, type RealServer, type Site } from './servers.ts';

export interface ResidentServer extends RealServer {
  /** Returns the command of the application's process; undefined where the server starts that. */
  worker?(site: Site): string[];
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const page = readFileSync(path('../../docs/resident-servers.md'), 'utf8');
const files = new Map([...page.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', content = '']) => [name, content]));

/** Seconds that the servers wait for the application here. The page says 60. */
export const TIMEOUT = 5;

/** Returns the file `name` of the page, with the paths, the ports and the time-out of this site in it. */
function shown(name: string, { folder, gatewayPort }: Site): string {
  const content = files.get(name);
  if (content === undefined) throw new Error(`docs/resident-servers.md shows no file ${name}`);
  return content
    .replaceAll('/run/app/app.sock', `${folder}/app.sock`)
    .replaceAll('/srv/app', `${folder}/root/cgi-bin`)
    .replaceAll(/\b9000\b/g, String(gatewayPort))
    .replaceAll(/include (?=\w+_params;)/g, 'include /etc/nginx/')
    .replaceAll(/\b60(?=s?\b|000\b)/g, String(TIMEOUT));
}

/** The command run-with-cgi with a socket that the server's user may connect to. */
const onSocket =
  (protocol: string) =>
  ({ folder }: Site) => [...runWithCgi(protocol), '--socket', join(folder, 'app.sock'), '--mode', '666'];
const onPort =
  (protocol: string) =>
  ({ gatewayPort }: Site) => [...runWithCgi(protocol), '--port', String(gatewayPort)];
const runWithCgi = (protocol: string) => [
  process.execPath,
  path('../../dist/cli/main.cjs'),
  protocol,
  path('resident-probe.ts'),
  '--script-name',
  '/app',
];

/** The built file, as spawn-fcgi starts it. */
const spawned = ({ folder, gatewayPort }: Site) => [
  ...['/usr/bin/spawn-fcgi', '-n', '-a', '127.0.0.1', '-p', String(gatewayPort)],
  ...['-u', 'www-data', '-g', 'www-data', '--', join(folder, 'root/cgi-bin/app.cgi')],
];

function behind(name: string, worker: ((site: Site) => string[]) | undefined, command: (site: Site) => string[]): ResidentServer {
  return {
    name,
    ...(worker && { worker }),
    commands: (site) => [...(worker ? [worker(site)] : []), command(site)],
  };
}

/** nginx with a file of the page, which shows a location, or the whole "http" block. */
function nginxWith(file: string): (site: Site) => string[] {
  return (site) => {
    const lines = shown(file, site);
    const listen = `listen 127.0.0.1:${site.port};\n`;
    return nginx(site, lines.includes('server {') ? lines.replace('server {\n', `$&${listen}`) : `server {\n${listen}${lines}}`);
  };
}

const APACHE = ['mpm_event', 'authz_core', 'env'];

export const servers: ResidentServer[] = [
  behind('nginx fastcgi', onSocket('fastcgi'), nginxWith('nginx-fastcgi.conf')),
  behind('nginx fastcgi, kept and unbuffered', spawned, nginxWith('nginx-fastcgi-kept.conf')),
  behind('nginx scgi', onSocket('scgi'), nginxWith('nginx-scgi.conf')),
  behind('nginx scgi, unbuffered', onPort('scgi'), nginxWith('nginx-scgi-unbuffered.conf')),
  behind('Apache mod_proxy_fcgi', onSocket('fastcgi'), (site) =>
    apache(site, [...APACHE, 'alias', 'proxy', 'proxy_fcgi'], shown('mod_proxy_fcgi.conf', site)),
  ),
  behind('Apache mod_proxy_scgi', onPort('scgi'), (site) =>
    apache(site, [...APACHE, 'proxy', 'proxy_scgi'], shown('mod_proxy_scgi.conf', site)),
  ),
  behind('Apache mod_fcgid', undefined, (site) =>
    apache(
      site,
      [...APACHE, 'alias', 'fcgid'],
      `FcgidIPCDir ${site.folder}\nFcgidProcessTableFile ${site.folder}/shm\n${shown('mod_fcgid.conf', site)}`,
    ),
  ),
  behind('lighttpd bin-path', undefined, (site) => lighttpd(site, [], shown('lighttpd-bin-path.conf', site))),
  behind('lighttpd mod_fastcgi', onSocket('fastcgi'), (site) => lighttpd(site, [], shown('lighttpd-fastcgi.conf', site))),
  behind('lighttpd mod_scgi', onPort('scgi'), (site) => lighttpd(site, [], shown('lighttpd-scgi.conf', site))),
  behind(
    'Caddy',
    (site) => [...onSocket('fastcgi')(site), '--own-log'],
    (site) => {
      writeFileSync(
        join(site.folder, 'Caddyfile'),
        `{\n\tadmin off\n\tauto_https off\n}\nhttp://:${site.port} {\n${shown('Caddyfile', site)}}\n`,
      );
      return ['/usr/bin/caddy', 'run', '--adapter', 'caddyfile', '--config', join(site.folder, 'Caddyfile')];
    },
  ),
  behind('HAProxy', onSocket('fastcgi'), (site) =>
    haproxy(site, shown('haproxy.cfg', site).replace('bind :80', `bind 127.0.0.1:${site.port}`)),
  ),
  behind('h2o', onSocket('fastcgi'), (site) => {
    writeFileSync(
      join(site.folder, 'h2o.conf'),
      `user: www-data
listen:
  host: 127.0.0.1
  port: ${site.port}
${shown('h2o.conf', site)}`,
    );
    return ['/usr/bin/h2o', '-c', join(site.folder, 'h2o.conf')];
  }),
];
