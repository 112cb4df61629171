// What a worker's process has of the environment that the first request came with. Which names a server or its modules
// give to what they know about a client is for nobody to list, so that only names of the system are kept, and those that
// the builder knows to be the server's.

/** These the loader, the C library, OpenSSL, Node and clients of HTTP read, and no web server sets them for a request. */
const OF_THE_SYSTEM = new Set([
  ...['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'LANG', 'LANGUAGE', 'TZ', 'LD_LIBRARY_PATH', 'LD_PRELOAD', 'UV_THREADPOOL_SIZE'],
  // mod_ssl and others call what they know about a client SSL_CLIENT_…, SSL_SESSION_… and the like; these two are none of them.
  ...['OPENSSL_CONF', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  // HTTP_PROXY is a client's "Proxy:" header.
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'],
  // The one of ours that a worker reads; RUN_WITH_CGI_ENVIRON has a whole request.
  'RUN_WITH_CGI_IDLE_EXIT',
]);
const OF_THE_SYSTEM_BEGIN = ['LC_', 'NODE_'];

/** What every request has, and the shell: nobody misses it. */
const OF_EVERY_REQUEST =
  /^(?:(?:HTTP|REDIRECT|SSL|SERVER|REMOTE|SCRIPT|REQUEST|PATH|QUERY|CONTENT|DOCUMENT|CONTEXT|RUN_WITH_CGI)_.*|AUTH_TYPE|GATEWAY_INTERFACE|UNIQUE_ID|HTTPS|FCGI_ROLE|PWD|OLDPWD|SHLVL|_)$/;

export interface Kept {
  env: Record<string, string>;
  /** The names of variables that are not kept and might be missed. */
  missing: string[];
}

/** Returns what of `variables` a process for many requests may have; `named` are names that the builder gives. */
export function keepEnvironment(variables: NodeJS.ProcessEnv, named: readonly string[]): Kept {
  const env: Record<string, string> = {};
  const missing: string[] = [];
  for (const [name, value = ''] of Object.entries(variables)) {
    if (OF_THE_SYSTEM.has(name) || OF_THE_SYSTEM_BEGIN.some((beginning) => name.startsWith(beginning)) || named.includes(name)) {
      env[name] = value;
    } else if (!OF_EVERY_REQUEST.test(name)) {
      missing.push(name);
    }
  }
  return { env, missing: missing.sort() };
}
