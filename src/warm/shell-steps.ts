// The shell's part of a warm CGI script: it passes the request to the worker, where one waits. What follows in the
// shell's line has Node answer it else.

import { createHash } from 'node:crypto';

/**
 * What cgi-fcgi exits with when there is nobody to connect to, or no cgi-fcgi: then nothing of the request is read, and
 * nothing said. ENOENT, EACCES, ENOTDIR, ECONNREFUSED; and the shell's own 126 and 127.
 */
const NOBODY = '2|13|20|111|126|127';

/**
 * Built-in commands only, for each process would cost as much as all the rest. The socket lies in a folder that only
 * this user can enter, by the whole path of the script: two copies of it can have different environments. Addresses of
 * sockets are short, 107 bytes; the descriptor stands for the folder.
 */
export function warmSteps(source: string): string[] {
  // A worker answers for its own version only.
  const version = createHash('sha256').update(source).digest('hex').slice(0, 12);
  return [
    // Real, then effective.
    'while read -r k r u x; do case $k in Uid:) break; esac; done </proc/self/status',
    'case $0 in /*) p=$0;; *) cd -P .; p=$PWD/$0;; esac',
    `d=\${TMPDIR:-/tmp}/run-with-cgi-$u; s=$d$p.${version}`,
    // Only where the worker lives: cgi-fcgi would say that it finds nobody, and the descriptor for that may be the response.
    // Not a link to somebody else's choice, nor somebody else's socket.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    'if [ -d "$s.pid" ] && [ -S "$s" ] && [ -O "$s" ] && [ ! -L "$s" ] && [ -O "$d" ] && [ ! -L "$d" ]; then cgi-fcgi -bind -connect "/proc/self/fd/9/${s##*/}" 9<"${s%/*}"',
    `case $? in ${NOBODY});; *) exit $?; esac; fi`,
    'export RUN_WITH_CGI_WARM="$s"',
  ];
}
