// Makes the first two lines of a built script. The shell runs the second one; JavaScript takes it for a string and a comment. It
// starts Node with the script. In a warm script it first tries to pass the request to the worker.

import { BOOT_ARGUMENTS } from './boot.ts';

/** Returns the lines. `interpreter` is a path or a command, and may have options behind it. `steps` are commands that the shell runs before. */
export function shellOpening(interpreter: string, steps: readonly string[] = []): string {
  const command = nodeCommand(interpreter);
  const commandLine = command.map(quote).join(' ');
  // "-" ends the shell's options: the path of the script may begin with "-".
  return `#!/bin/sh -\n":" //; ${[...steps, reportMissing(command[0] ?? ''), KEEP_REPEATED, `exec ${commandLine} "$0" "$@"`].join('; ')}`;
}

/**
 * Returns the command that runs a script whose path is put behind it. "/usr/bin/env node", as in a #! line, becomes "node": the
 * shell finds that itself.
 */
export function nodeCommand(interpreter: string): string[] {
  const parts = interpreter.split(/\s+/).filter((part) => part !== '');
  const isFound = parts[0] === '/usr/bin/env' && !parts[1]?.startsWith('-') && !parts[1]?.includes('=');
  return [...(isFound ? parts.slice(1) : parts), ...BOOT_ARGUMENTS];
}

function quote(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Returns the message for a host that has no `program`: its parts, between which the value of PATH belongs. */
export function missingMessage(program: string): string[] {
  const advice = '; install Node, or name its path by --interpreter [node-missing]';
  if (program.includes('/')) return [`run-with-cgi: there is no ${program}${advice}`];
  return [`run-with-cgi: there is no "${program}" in PATH (`, `)${advice}`];
}

/** Returns the command that answers by 500, with a message in the log, where the host has no `program`. The shell alone would only end. */
function reportMissing(program: string): string {
  const message = missingMessage(program).map(quote).join('"$PATH"');
  const head = '%s 500 Internal Server Error\\r\\nContent-Type: text/plain\\r\\nContent-Length: 26\\r\\n\\r\\n';
  const body = 'case $REQUEST_METHOD in HEAD);; *) echo 500 Internal Server Error;; esac';
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  const setStart = 'case ${0##*/} in nph-*) s=HTTP/1.1;; *) s=Status:;; esac';
  return `command -v ${quote(program)} >/dev/null || { printf '%s\\n' ${message} >&2; ${setStart}; printf ${quote(head)} $s; ${body}; exit 1; }`;
}

/**
 * Keeps variables that the environment has twice. fcgiwrap behind an nginx before 1.23, and civetweb, give two variables of one
 * name for two headers of one name, and a shell passes only one of them on. environ/variables.ts reads them from the
 * variable that is set here, a line each.
 */
const KEEP_REPEATED = `case $FCGI_ROLE$SERVER_SOFTWARE in RESPONDER*|[Cc]ivet[Ww]eb*) export RUN_WITH_CGI_ENVIRON="$(tr '\\0\\n' '\\n ' </proc/$$/environ)";; esac`;
