// Makes the second line of a built script. The shell runs it; JavaScript takes it for a string and a comment. It starts Node
// with the script. In a warm script it first tries to pass the request to the worker.

import { BOOT_ARGUMENTS } from './boot.ts';

/** Returns the line. `interpreter` is a path or a command, and may have options behind it. `steps` are commands that the shell runs before. */
export function shellLine(interpreter: string, steps: readonly string[] = []): string {
  const command = splitInterpreter(interpreter);
  const commandLine = [...command, ...BOOT_ARGUMENTS].map(quote).join(' ');
  return `":" //; ${[...steps, reportMissing(command[0] ?? ''), KEEP_REPEATED, `exec ${commandLine} "$0" "$@"`].join('; ')}`;
}

/** Splits the interpreter into arguments. "/usr/bin/env node", as in a #! line, becomes "node": the shell finds that itself. */
function splitInterpreter(interpreter: string): string[] {
  const parts = interpreter.split(/\s+/).filter((part) => part !== '');
  return parts[0] === '/usr/bin/env' && !parts[1]?.startsWith('-') && !parts[1]?.includes('=') ? parts.slice(1) : parts;
}

function quote(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Returns the command that answers by 500, with a message in the log, where the host has no `program`. The shell alone would only end. */
function reportMissing(program: string): string {
  const [before, after] = program.includes('/') ? [`no ${program}`, ''] : [`no "${program}" in PATH (`, ')'];
  const message = `${quote(`run-with-cgi: there is ${before}`)}${after && '"$PATH"'}${quote(`${after}; install Node, or name its path by --interpreter [node-missing]`)}`;
  const response =
    '%s 500 Internal Server Error\\r\\nContent-Type: text/plain\\r\\nContent-Length: 26\\r\\n\\r\\n500 Internal Server Error\\n';
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  const setStart = 'case ${0##*/} in nph-*) s=HTTP/1.1;; *) s=Status:;; esac';
  return `command -v ${quote(program)} >/dev/null || { printf '%s\\n' ${message} >&2; ${setStart}; printf ${quote(response)} $s; exit 1; }`;
}

/**
 * Keeps variables that the environment has twice. fcgiwrap behind an nginx before 1.23, and civetweb, give two variables of one
 * name for two headers of one name, and a shell passes only one of them on. environ/variables.ts reads them from the
 * variable that is set here, a line each.
 */
const KEEP_REPEATED = `case $FCGI_ROLE$SERVER_SOFTWARE in RESPONDER*|[Cc]ivet[Ww]eb*) export RUN_WITH_CGI_ENVIRON="$(tr '\\0\\n' '\\n ' </proc/$$/environ)";; esac`;
