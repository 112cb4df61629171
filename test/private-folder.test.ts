// Folders that only one user can enter. A folder that others can change or enter is refused, whoever has made it.

import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { isPrivateFolder, makePrivateFolder, takeLock, temporaryFolder } from '../src/private-folder.ts';

const parent = mkdtempSync(join(tmpdir(), 'run-with-cgi-private-'));
const folder = join(parent, 'a/b');
beforeEach(() => rmSync(join(parent, 'a'), { recursive: true, force: true }));
afterAll(() => rmSync(parent, { recursive: true }));

describe('makePrivateFolder', () => {
  test('makes a folder, and those above it, that only this user can enter', () => {
    expect(makePrivateFolder(folder)).toBe(true);
    expect([statSync(folder).mode & 0o777, statSync(join(parent, 'a')).mode & 0o777]).toEqual([0o700, 0o700]);
  });

  test('takes a folder that it has made before', () => {
    makePrivateFolder(folder);
    expect(makePrivateFolder(folder)).toBe(true);
  });

  test.each(['701', '710', '720', '702', '777'])('refuses a folder with mode %s', (mode) => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, Number.parseInt(mode, 8));
    expect(makePrivateFolder(folder)).toBe(false);
  });

  test.runIf(process.geteuid?.() === 0)('refuses the folder of another user', () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chownSync(folder, 65534, 65534);
    expect(makePrivateFolder(folder)).toBe(false);
  });

  test('refuses a link to a folder of this user', () => {
    mkdirSync(join(parent, 'a/c'), { recursive: true, mode: 0o700 });
    symlinkSync('c', folder);
    expect(makePrivateFolder(folder)).toBe(false);
  });
});

test('isPrivateFolder is false where there is no folder', () => {
  expect(isPrivateFolder(folder)).toBe(false);
});

test('temporaryFolder is in TMPDIR and has the number of the user', () => {
  expect(temporaryFolder()).toBe(`${process.env.TMPDIR || '/tmp'}/run-with-cgi-${process.geteuid?.()}`);
});

describe('takeLock', () => {
  const lock = join(folder, 'lock');
  beforeEach(() => mkdirSync(folder, { recursive: true }));

  test('is true for the first process only', () => {
    expect([takeLock(lock, 10_000), takeLock(lock, 10_000)]).toEqual([true, false]);
    expect(existsSync(lock)).toBe(true);
  });

  test('is true again when the lock is too old, and then false again', () => {
    takeLock(lock, 10_000);
    const past = new Date(Date.now() - 10_000);
    utimesSync(lock, past, past);
    expect([takeLock(lock, 10_000), takeLock(lock, 10_000)]).toEqual([true, false]);
  });

  test('takes a lock from the future, after the clock was set back', () => {
    takeLock(lock, 10_000);
    const future = new Date(Date.now() + 60_000);
    utimesSync(lock, future, future);
    expect(takeLock(lock, 10_000)).toBe(true);
  });
});
