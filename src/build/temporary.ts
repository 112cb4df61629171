// Temporary files and processes of a build. They are removed when the build is done, and also when a signal or the application
// that it loads ends the process.

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const cleanups = new Set<() => void>();

function cleanUp(): void {
  for (const remove of cleanups) remove();
  cleanups.clear();
}

function endBySignal(signal: NodeJS.Signals): void {
  cleanUp();
  // The application may have listeners that keep the process alive.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/**
 * Calls `remove` if the process ends early. `remove` must be synchronous. Returns a function that cancels this.
 */
export function atEarlyEnd(remove: () => void): () => void {
  if (cleanups.size === 0) {
    process.on('exit', cleanUp);
    for (const signal of SIGNALS) process.prependListener(signal, endBySignal);
  }
  cleanups.add(remove);
  return () => {
    cleanups.delete(remove);
    if (cleanups.size > 0) return;
    process.off('exit', cleanUp);
    for (const signal of SIGNALS) process.off(signal, endBySignal);
  };
}

/** Makes a new folder, whose path begins with `prefix`, calls `use` with it, and removes it. */
export async function withFolder<Result>(prefix: string, use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(prefix);
  return withPath(folder, () => use(folder));
}

/** Calls `use`, and then removes the file or folder at `path`. */
export async function withPath<Result>(path: string, use: () => Promise<Result>): Promise<Result> {
  const cancel = atEarlyEnd(() => rmSync(path, { recursive: true, force: true }));
  try {
    return await use();
  } finally {
    await rm(path, { recursive: true, force: true });
    cancel();
  }
}
