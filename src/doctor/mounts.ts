// The file systems of this process, as Linux lists them: whether a path lies on one from which nothing is executed.

import { readFileSync } from 'node:fs';

export interface Mount {
  point: string;
  options: readonly string[];
}

/** Returns the mount on which the real path `path` lies; undefined where the system does not tell. */
export function mountOf(path: string, mountinfo = read('/proc/self/mountinfo')): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountinfo.split('\n')) {
    // 36 35 98:0 /root /mount\040point rw,noexec shared:1 - ext3 /dev/root rw
    const [, , , , escaped = '', options = ''] = line.split(' ');
    if (escaped === '') continue;
    const point = escaped.replace(/\\([0-7]{3})/g, (_match, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const isAbove = path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`);
    // A later mount on the same point covers the earlier one.
    if (isAbove && point.length >= (found?.point.length ?? 0)) found = { point, options: options.split(',') };
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
