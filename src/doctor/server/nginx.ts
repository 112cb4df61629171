// Reads the configuration of an nginx, as far as it leads to a FastCGI process that runs scripts, such as fcgiwrap.

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { findAccount, isAllowed, serverProcesses, userName } from '../account.ts';
import { type Finding, quote } from '../finding.ts';
import { below, type ConfigurationReader, configurationReader, expand, type ServerReading } from './facts.ts';

export const NGINX_FILES = ['/etc/nginx/nginx.conf', '/usr/local/nginx/conf/nginx.conf', '/usr/local/etc/nginx/nginx.conf'];

/** Returns what the configuration `file` says about CGI scripts. */
export function readNginx(file: string): ServerReading {
  const unseen: string[] = [];
  const text = readWhole(file, configurationReader(unseen));
  const findings: Finding[] = [];
  const user = /^\s*user\s+(\w[\w-]*)/m.exec(text)?.[1] ?? 'nobody';
  const sockets = [...text.matchAll(/fastcgi_pass\s+unix:([^;\s]+);/g)].map(([, path = '']) => path);
  if (!/\bfastcgi_pass\s/.test(text)) {
    findings.push({
      code: 'cgi-off',
      severity: 'fails',
      subject: file,
      problem: 'nginx runs no CGI scripts itself, and the configuration has no fastcgi_pass that leads to fcgiwrap.',
      mend: [
        {
          change:
            'location /cgi-bin/ { include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:/run/fcgiwrap.socket; }',
        },
      ],
    });
  }
  const account = findAccount(user);
  for (const path of sockets) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats && (!account || isAllowed(account, path, 'w'))) continue;
    findings.push({
      code: 'socket-not-reachable',
      severity: 'fails',
      subject: path,
      problem: stats
        ? `nginx runs as ${user} and may not write to the socket: its mode is ${(stats.mode & 0o777).toString(8)}, its owner ${userName(stats.uid)}. nginx answers 502.`
        : 'The configuration names this socket, and there is none: fcgiwrap does not run, or uses another path. nginx answers 502.',
      mend: [stats ? { run: `chown ${user} ${quote(path)}` } : { run: 'service fcgiwrap restart' }],
    });
  }
  const wrapper = serverProcesses().find(({ name }) => name === 'fcgiwrap');
  const log = /^\s*error_log\s+(\/[^;\s]+)/m.exec(text)?.[1];
  return {
    facts: {
      name: 'nginx',
      path: undefined,
      passesAuthorization: true,
      user: wrapper ? userName(wrapper.uid) : user,
      limits: {},
      logs: log === undefined ? [] : [log],
    },
    findings,
    unseen,
  };
}

/** Returns a configuration with all that it includes, without its comments. */
function readWhole(file: string, read: ConfigurationReader): string {
  const text = read(file) ?? '';
  return text.replace(/#[^\n]*/g, '').replace(/\binclude\s+([^;]+);/g, (_whole, pattern: string) =>
    expand(below(dirname(file), pattern.trim()))
      .map((included) => readWhole(included, read))
      .join('\n'),
  );
}
