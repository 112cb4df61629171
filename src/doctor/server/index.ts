// Reads what a web server of this machine would do with a script: its configuration, its running process, and its log.

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { serverProcesses } from '../account.ts';
import { quote } from '../finding.ts';
import { APACHE_FILES, readApache } from './apache.ts';
import { readProcess, type ServerName, type ServerReading } from './facts.ts';
import { LIGHTTPD_FILES, readLighttpd } from './lighttpd.ts';
import { readLogs } from './log.ts';
import { NGINX_FILES, readNginx } from './nginx.ts';

const FILES: Readonly<Record<ServerName, readonly string[]>> = {
  apache: APACHE_FILES,
  lighttpd: LIGHTTPD_FILES,
  busybox: [],
  nginx: NGINX_FILES,
};

/** The names that the process which starts scripts has. */
const PROCESSES: Readonly<Record<ServerName, RegExp>> = {
  apache: /^(?:apache2|httpd)$/,
  lighttpd: /^lighttpd$/,
  busybox: /^(?:busybox|httpd)$/,
  nginx: /^fcgiwrap$/,
};

/** Returns what the server `name` does with `script`, by its configuration `file` or by the one that it has on this system. */
export function readServer(name: ServerName, script: string, file = FILES[name].find((path) => existsSync(path))): ServerReading {
  const reading = readConfiguration(name, script, file);
  const { facts, findings, unseen } = reading;
  const running = serverProcesses().find(
    (process) => PROCESSES[name].test(process.name) && (file === undefined || FILES[name].includes(file) || startedWith(process.pid, file)),
  );
  if (running) {
    const { limits, path } = readProcess(running.pid);
    facts.limits = { ...limits, ...withoutUndefined(facts.limits) };
    // lighttpd gives scripts no PATH of its own.
    if (facts.path === undefined) facts.path = path;
  } else unseen.push(`No process of ${name} runs${file === undefined ? '' : ` with ${file}`}, so its limits and its PATH are not known.`);
  findings.push(...readLogs(facts.logs, script, unseen));
  return reading;
}

function readConfiguration(name: ServerName, script: string, file: string | undefined): ServerReading {
  if (name === 'busybox') return readBusybox(script);
  if (file === undefined) {
    const unseen = [`There is no configuration of ${name} where it usually is. Name it: --config <file>`];
    return { facts: { name, limits: {}, logs: [] }, findings: [], unseen };
  }
  if (name === 'apache') return readApache(file, script);
  return name === 'lighttpd' ? readLighttpd(file, script) : readNginx(file);
}

/** busybox httpd needs no configuration: it runs what lies in a folder called cgi-bin, right in its root. */
function readBusybox(script: string): ServerReading {
  const folder = join(dirname(script), 'cgi-bin');
  const isInCgiBin = dirname(script).split('/').includes('cgi-bin');
  return {
    facts: { name: 'busybox', path: undefined, limits: {}, logs: [] },
    findings: isInCgiBin
      ? []
      : [
          {
            code: 'cgi-off',
            severity: 'fails',
            subject: script,
            problem: 'busybox httpd runs only scripts in the folder cgi-bin of its root, and sends the text of all others to clients.',
            mend: [{ run: `mkdir -p ${quote(folder)} && mv ${quote(script)} ${quote(join(folder, basename(script)))}` }],
          },
        ],
    unseen: ['busybox httpd writes what scripts say to standard error to its own, which is lost where it runs as a daemon (without -f).'],
  };
}

function startedWith(pid: number, file: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(file);
  } catch {
    return false;
  }
}

function withoutUndefined<Value extends object>(value: Value): Partial<Value> {
  const copy = { ...value };
  for (const [name, one] of Object.entries(copy)) if (one === undefined) delete copy[name as keyof Value];
  return copy;
}
