// The second line of a built file: the shell runs it, and for JavaScript it is a string and a comment. It hands the file to
// Node; in a warm script it passes the request to the worker before that, where one waits.

import { BOOT_WORDS } from './boot.ts';

/** Returns the line. `interpreter` is Node's path, or a command that the shell finds; words behind it are options. `steps` come first. */
export function shellLine(interpreter: string, steps: readonly string[] = []): string {
  const words = toWords(interpreter);
  const command = [...words, ...BOOT_WORDS].map(quote).join(' ');
  return `":" //; ${[...steps, orSay(words[0] ?? ''), KEEP_DOUBLE, `exec ${command} "$0" "$@"`].join('; ')}`;
}

/** What people write into a first line means the same here, without another program that starts this one. */
function toWords(interpreter: string): string[] {
  const words = interpreter.split(/\s+/).filter((word) => word !== '');
  return words[0] === '/usr/bin/env' && !words[1]?.startsWith('-') && !words[1]?.includes('=') ? words.slice(1) : words;
}

function quote(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** An answer that a deployer understands where the shell would only end. */
function orSay(program: string): string {
  const [before, after] = program.includes('/') ? [`no ${program}`, ''] : [`no "${program}" in PATH (`, ')'];
  const message = `${quote(`run-with-cgi: there is ${before}`)}${after && '"$PATH"'}${quote(`${after}; install Node, or name its path by --interpreter [node-missing]`)}`;
  const answer =
    '%s 500 Internal Server Error\\r\\nContent-Type: text/plain\\r\\nContent-Length: 26\\r\\n\\r\\n500 Internal Server Error\\n';
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  const start = 'case ${0##*/} in nph-*) s=HTTP/1.1;; *) s=Status:;; esac';
  return `command -v ${quote(program)} >/dev/null || { printf '%s\\n' ${message} >&2; ${start}; printf ${quote(answer)} $s; exit 1; }`;
}

/**
 * Of two variables of one name a shell passes on one. fcgiwrap, for an nginx before 1.23, and civetweb give two where a
 * request has two headers of one name; environ/variables.ts takes them from here, a line each.
 */
const KEEP_DOUBLE = `case $FCGI_ROLE$SERVER_SOFTWARE in RESPONDER*|[Cc]ivet[Ww]eb*) export RUN_WITH_CGI_ENVIRON="$(tr '\\0\\n' '\\n ' </proc/$$/environ)";; esac`;
