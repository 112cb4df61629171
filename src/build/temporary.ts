// What a build leaves lying about while it works, files and processes: it goes when the build is done, and also when that is
// interrupted, or ended by the application that it looks at.

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const sweeps = new Set<() => void>();

function sweep(): void {
  for (const remove of sweeps) remove();
  sweeps.clear();
}

function end(signal: NodeJS.Signals): void {
  sweep();
  // The application may have its own answer to it.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** From now on `remove`, which must not wait for anything, is called when the process ends early; until the function returned is called. */
export function atEarlyEnd(remove: () => void): () => void {
  if (sweeps.size === 0) {
    process.on('exit', sweep);
    for (const signal of SIGNALS) process.prependListener(signal, end);
  }
  sweeps.add(remove);
  return () => {
    sweeps.delete(remove);
    if (sweeps.size > 0) return;
    process.off('exit', sweep);
    for (const signal of SIGNALS) process.off(signal, end);
  };
}

/** Calls `use` with a new folder whose path begins with `prefix`, and removes that. */
export async function withFolder<Result>(prefix: string, use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(prefix);
  return withPath(folder, () => use(folder));
}

/** Calls `use`, and removes what then is at `path`. */
export async function withPath<Result>(path: string, use: () => Promise<Result>): Promise<Result> {
  const keep = atEarlyEnd(() => rmSync(path, { recursive: true, force: true }));
  try {
    return await use();
  } finally {
    await rm(path, { recursive: true, force: true });
    keep();
  }
}
