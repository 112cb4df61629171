// Packs the package as npm would publish it, and installs it alone in an empty folder.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Packs what `npm run build` has made into `folder`, and returns the archive's path. */
export function pack(folder: string): string {
  const printed = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
  return join(folder, printed.trim().split('\n').at(-1) ?? '');
}

/** Makes `folder` and installs the archive in it; nothing can come from a registry. */
export function install(archive: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync('npm', ['install', '--silent', '--offline', archive], { cwd: folder });
}
