// Advice for a script that fails its trial.

/** Patterns for the log of the script, and the advice for each. The first match counts. */
const HINTS: [RegExp, string][] = [
  [
    /Could not locate the bindings file|No native build was found|ERR_DLOPEN_FAILED|Cannot find module '[^']*\.node'/,
    'it needs a native addon, which cannot be built in: leave its package out by --external, and install it where the script runs',
  ],
  [
    /Cannot find module '([^'./][^']*)'/,
    'it requires $1 by a name that it makes while it runs: import $1 by its name, or leave it out by --external $1 and install it where the script runs',
  ],
  [/ENOENT|Failed to lookup view|no such file/i, 'name the files and folders that it reads by --assets'],
  [/\bcaches is not defined/, 'only Cloudflare has caches: test globalThis.caches before you use them'],
];

/** Returns the advice for a failure that left `log`, with "; " before it; "" where there is none. */
export function hintOf(log: string): string {
  for (const [pattern, hint] of HINTS) {
    const found = pattern.exec(log);
    if (found) return `; ${hint.replaceAll('$1', () => found[1] ?? '')}`;
  }
  return '';
}

/** Returns a warning where the trial was answered by 404, at the root of a server or behind `mount`; else undefined. */
export function warnOf404(path: string, mount: string, atRoot: number, mounted: number): string | undefined {
  if (atRoot !== 404 && mounted !== 404) return undefined;
  if (atRoot === mounted) return `${path} is answered by 404; --trial-path names a path that the application has`;
  return `${path} is answered by ${atRoot} at the root of a server, and by ${mounted} behind the path of a script, ${mount}`;
}
