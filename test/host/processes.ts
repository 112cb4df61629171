// What the tests of the host ask about processes that they have started.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether there is a process of this number that has not ended. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until `condition` gives something, and does not throw. */
export async function until<Value>(condition: () => Value): Promise<Value> {
  for (let tries = 0; ; tries++) {
    try {
      const value = condition();
      if (value) return value;
    } catch {
      // not yet
    }
    if (tries === 400) throw new Error('that never came to be');
    await sleep(25);
  }
}
