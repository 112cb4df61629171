// The environment of a worker. A worker answers many requests, so it must not keep the variables of the one that started it.
// Web servers and their modules use any names for what they know about a client. So the worker keeps only the variables of
// the system, and those that `build --keep-env` names.

/** Variables that the loader, the C library, OpenSSL, Node and HTTP clients read. No web server sets them for a request. */
const SYSTEM_VARIABLES = new Set([
  ...[
    'PATH',
    'HOME',
    'XDG_CACHE_HOME',
    'TMPDIR',
    'TMP',
    'TEMP',
    'LANG',
    'LANGUAGE',
    'TZ',
    'LD_LIBRARY_PATH',
    'LD_PRELOAD',
    'UV_THREADPOOL_SIZE',
  ],
  // mod_ssl sets other variables for a client: SSL_CLIENT_…, SSL_SESSION_… and the like.
  ...['OPENSSL_CONF', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  // Without HTTP_PROXY: that is the "Proxy:" header of a client.
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'],
  // The worker reads these of our own variables. RUN_WITH_CGI_ENVIRON has a whole request.
  ...['RUN_WITH_CGI_IDLE_EXIT', 'RUN_WITH_CGI_CODE_CACHE'],
]);
const SYSTEM_PREFIXES = ['LC_', 'NODE_'];

/** Variables of every request, and of the shell: an application cannot miss them in a worker. */
const REQUEST_VARIABLE =
  /^(?:(?:HTTP|REDIRECT|SSL|SERVER|REMOTE|SCRIPT|REQUEST|PATH|QUERY|CONTENT|DOCUMENT|CONTEXT|RUN_WITH_CGI)_.*|AUTH_TYPE|GATEWAY_INTERFACE|UNIQUE_ID|HTTPS|FCGI_ROLE|PWD|OLDPWD|SHLVL|_)$/;

export interface WorkerEnvironment {
  env: Record<string, string>;
  /** The names of variables that are left out, and that the application may miss; sorted. */
  missing: string[];
}

/** Returns the variables that a worker keeps: those of the system, and those in `keptNames`. */
export function workerEnvironment(variables: NodeJS.ProcessEnv, keptNames: readonly string[]): WorkerEnvironment {
  const env: Record<string, string> = {};
  const missing: string[] = [];
  for (const [name, value = ''] of Object.entries(variables)) {
    if (SYSTEM_VARIABLES.has(name) || SYSTEM_PREFIXES.some((prefix) => name.startsWith(prefix)) || keptNames.includes(name)) {
      env[name] = value;
    } else if (!REQUEST_VARIABLE.test(name)) {
      missing.push(name);
    }
  }
  return { env, missing: missing.sort() };
}
