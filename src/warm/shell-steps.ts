// The shell's part of a warm script. It passes the request to the worker, if one lives; otherwise the rest of the shell's
// line starts Node, which answers the request.

import { createHash } from 'node:crypto';

/**
 * The exit statuses after which Node answers the request: cgi-fcgi could not connect (ENOENT, EACCES, ENOTDIR, ECONNREFUSED),
 * or the shell could not run it (126, 127). Then nothing of the request has been read, and nothing of a response written.
 */
const NOT_CONNECTED = '2|13|20|111|126|127';

/**
 * Returns the commands of the shell, in their order. They leave the path of the worker's socket in $s.
 *
 * All are built-in commands: a process for another one would cost as much as all the rest. The socket lies in a folder
 * that only this user can enter, below the whole path of the script, since two copies of a script can have different
 * environments. The address of a socket has at most 107 bytes, so descriptor 9 stands for its folder.
 */
export function warmSteps(source: string): string[] {
  // The version in the socket's name keeps a new script from an old worker.
  const version = createHash('sha256').update(source).digest('hex').slice(0, 12);
  return [
    // The line Uid: has the real user, then the effective one.
    'while read -r k r u x; do case $k in Uid:) break; esac; done </proc/self/status',
    'case $0 in /*) p=$0;; *) cd -P .; p=$PWD/$0;; esac',
    `d=\${TMPDIR:-/tmp}/run-with-cgi-$u; s=$d$p.${version}`,
    // $s.pid is a folder only while the worker lives. Without a worker, cgi-fcgi would complain on a descriptor that may be the
    // response. The other tests refuse links, and sockets and folders of other users.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    'if [ -d "$s.pid" ] && [ -S "$s" ] && [ -O "$s" ] && [ ! -L "$s" ] && [ -O "$d" ] && [ ! -L "$d" ]; then cgi-fcgi -bind -connect "/proc/self/fd/9/${s##*/}" 9<"${s%/*}"',
    `case $? in ${NOT_CONNECTED});; *) exit $?; esac; fi`,
    'export RUN_WITH_CGI_WARM="$s"',
  ];
}
