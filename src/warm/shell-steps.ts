// The shell's part of a warm script. It hands the request to cgi-fcgi or to Perl; otherwise the rest of the shell's line starts
// Node, which answers the request.

/**
 * Returns the commands of the shell, in their order. `perl` is the command that runs the Perl part of the script.
 *
 * All are built-in commands, and cgi-fcgi and Perl take the place of the shell: another process would cost as much as all the
 * rest. The socket lies in a folder that only this user can enter, below the whole path of the script, since two copies of a
 * script can have different environments. The address of a socket has at most 107 bytes, so descriptor 9 stands for its folder.
 */
export function warmSteps(version: string, perl: string): string[] {
  return [
    // Node knows which servers decode a chunked body.
    'case $REQUEST_METHOD:$CONTENT_LENGTH:$HTTP_TRANSFER_ENCODING in :*|*::?*);; *) if command -v cgi-fcgi >/dev/null',
    // The line Uid: has the real user, then the effective one.
    'then while read -r k r u x; do case $k in Uid:) break; esac; done </proc/self/status',
    'case $0 in /*) p=$0;; *) cd -P .; p=$PWD/$0;; esac',
    `d=\${TMPDIR:-/tmp}/run-with-cgi-$u; s=$d$p.${version}`,
    // $s.pid is a folder only while the worker lives. Without a worker, cgi-fcgi would complain on a descriptor that may be the
    // response. The other tests refuse links, and sockets and folders of other users.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    'if [ -d "$s.pid" ] && [ -S "$s" ] && [ -O "$s" ] && [ ! -L "$s" ] && [ -O "$d" ] && [ ! -L "$d" ]; then exec cgi-fcgi -bind -connect "/proc/self/fd/9/${s##*/}" 9<"${s%/*}"; fi',
    'export RUN_WITH_CGI_WARM="$s"',
    `elif command -v perl >/dev/null; then exec ${perl} "$0" "$@"; fi;; esac`,
  ];
}
