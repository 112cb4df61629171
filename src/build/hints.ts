// What is said of a script that does not answer as it should when it is tried out, and what to do.

/** What a log has in it, and what helps. The first that is found is said. */
const HINTS: [RegExp, string][] = [
  [
    /Could not locate the bindings file|No native build was found|ERR_DLOPEN_FAILED|Cannot find module '[^']*\.node'/,
    'it needs a native addon, which cannot be put into one file: leave its package out by --external, and install that where the script runs',
  ],
  [
    /Cannot find module '([^'./][^']*)'/,
    'it asks for $1 by a name that is made while it runs: import that by its name, or leave it out by --external $1 and install it where the script runs',
  ],
  [/ENOENT|Failed to lookup view|no such file/i, 'files and folders that it reads are named by --assets'],
  [/\bcaches is not defined/, "caches are Cloudflare's own: ask globalThis.caches whether there are any"],
];

/** What to do about a failure of which `log` tells; begins with "; " where that is known. */
export function hintOf(log: string): string {
  for (const [pattern, hint] of HINTS) {
    const found = pattern.exec(log);
    if (found) return `; ${hint.replaceAll('$1', () => found[1] ?? '')}`;
  }
  return '';
}

/** What is said of two answers to one request, at the root of a server and behind `mount`: as likely as not 404 is for a wrong path. */
export function noteOf(path: string, mount: string, atRoot: number, mounted: number): string | undefined {
  if (atRoot !== 404 && mounted !== 404) return undefined;
  if (atRoot === mounted) return `${path} is answered by 404; --trial-path names a path that the application has`;
  return `${path} is answered by ${atRoot} at the root of a server, and by ${mounted} behind the path of a script, ${mount}`;
}
