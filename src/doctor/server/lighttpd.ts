// Reads the configuration of a lighttpd 1.4, as far as it decides what becomes of one script.

import { dirname } from 'node:path';
import type { Finding } from '../finding.ts';
import { below, type ConfigurationReader, configurationReader, expand, type ServerReading } from './facts.ts';

export const LIGHTTPD_FILES = ['/etc/lighttpd/lighttpd.conf', '/usr/local/etc/lighttpd/lighttpd.conf'];

/** Returns what the configuration `file` says about `script`. Conditions are taken for true. */
export function readLighttpd(file: string, script: string): ServerReading {
  const unseen: string[] = [];
  const text = readWhole(file, configurationReader(unseen), unseen);
  const findings: Finding[] = [];
  if (!/"mod_cgi"/.test(text)) {
    findings.push({
      code: 'cgi-module-missing',
      severity: 'fails',
      subject: file,
      problem: 'server.modules does not have mod_cgi. Without it lighttpd sends the text of scripts to clients.',
      mend: [
        file.startsWith('/etc/lighttpd/')
          ? { run: 'lighty-enable-mod cgi && service lighttpd restart' }
          : { change: 'server.modules += ( "mod_cgi" )' },
      ],
    });
  }
  const assigned = [...text.matchAll(/cgi\.assign\s*\+?=\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => [
    ...list.matchAll(/"([^"]*)"\s*=>\s*"([^"]*)"/g),
  ]);
  const rule = assigned.find(([, ending = '']) => script.endsWith(ending));
  if (!rule && findings.length === 0) {
    const endings = assigned.map(([, ending]) => `"${ending}"`).join(', ');
    findings.push({
      code: 'cgi-off',
      severity: 'fails',
      subject: script,
      problem: `No ending in cgi.assign is that of the script${endings === '' ? '' : `; there are ${endings}`}. lighttpd sends the text of the script to clients, or answers 403.`,
      mend: [{ change: '$HTTP["url"] =~ "^/cgi-bin/" { cgi.assign = ( "" => "" ) }' }],
    });
  }
  const setting = (name: string) => new RegExp(`^\\s*${name.replace('.', '\\.')}\\s*=\\s*"([^"]*)"`, 'm').exec(text)?.[1];
  const [, path] = /"PATH"\s*=>\s*"([^"]*)"/.exec(text) ?? [];
  const logs = [setting('server.breakagelog'), setting('server.errorlog')].filter((log) => log !== undefined);
  if (setting('server.breakagelog') === undefined) {
    findings.push({
      code: 'log-lost',
      severity: 'note',
      subject: file,
      problem: 'There is no server.breakagelog. As a daemon, lighttpd then drops what scripts write to standard error.',
      mend: [{ change: 'server.breakagelog = "/var/log/lighttpd/breakage.log"' }],
    });
  }
  return {
    facts: {
      name: 'lighttpd',
      path: path ?? null,
      passesAuthorization: true,
      user: setting('server.username'),
      interpreter: rule?.[2] || undefined,
      limits: {},
      logs,
    },
    findings,
    unseen,
  };
}

/** Returns a configuration with all that it includes, without its comments. */
function readWhole(file: string, read: ConfigurationReader, unseen: string[]): string {
  const text = read(file) ?? '';
  return text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .map((line) => {
      if (/^\s*include_shell\b/.test(line)) {
        // Debian's list of enabled parts.
        if (line.includes('include-conf-enabled')) return includeAll(`${dirname(file)}/conf-enabled/*.conf`);
        unseen.push(`The configuration includes the output of a command, which was not run: ${line.trim()}`);
        return '';
      }
      const [, included] = /^\s*include\s+"([^"]+)"/.exec(line) ?? [];
      return included === undefined ? line : includeAll(below(dirname(file), included));
    })
    .join('\n');

  function includeAll(pattern: string): string {
    return expand(pattern)
      .map((included) => readWhole(included, read, unseen))
      .join('\n');
  }
}
