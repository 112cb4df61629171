// The end of a child process: how this process brings it about, and how messages name it.

import { constants } from 'node:os';

/** Sends SIGKILL to all processes of the group that `leader` leads; undefined is a child that never started. */
export function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // No process of the group is left.
  }
}

/** Returns "exit status 1", or "SIGSEGV" for a status that the shell has made of a signal. */
export function describeExitStatus(status: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128);
  return signal ? signal[0] : `exit status ${status}`;
}
