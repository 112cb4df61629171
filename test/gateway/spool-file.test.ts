// The temporary file of a Spool: what goes into it, and what happens when the file system fails.

import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { fs } from '../../src/fs.ts';
import { Input } from '../../src/gateway/input.ts';
import { Spool, spoolSource } from '../../src/gateway/spool.ts';
import { bytesOf } from './sources.ts';

const MIB = 1024 * 1024;

/** How many files of spools this process has open. */
function openFiles(): number {
  const isSpool = (descriptor: string) => {
    try {
      return /\/run-with-cgi-\d+-\d+ \(deleted\)$/.test(readlinkSync(`/proc/self/fd/${descriptor}`));
    } catch {
      return false; // the descriptor that read the folder
    }
  };
  return readdirSync('/proc/self/fd').filter(isSpool).length;
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Reads `spool` to its end, by reads of `size` bytes. */
function drain(spool: Spool, size = 65_536): Buffer {
  const blocks: Buffer[] = [];
  for (;;) {
    const buffer = Buffer.alloc(size);
    const count = spool.read(buffer);
    if (count === 0) return Buffer.concat(blocks);
    blocks.push(buffer.subarray(0, count));
  }
}

/** Bytes that differ from their neighbours: a block at a wrong place is seen. */
const counting = (length: number, from = 0) => Buffer.from(Uint8Array.from({ length }, (_, at) => (from + at) % 251));

afterEach(() => vi.restoreAllMocks());

test('a spool of 1 MiB has no file, and the next byte opens one, which close() closes', () => {
  const before = openFiles();
  const spool = new Spool();
  spool.add(Buffer.alloc(MIB - 10));
  spool.add(Buffer.alloc(10));
  expect(openFiles()).toBe(before);
  spool.add(Buffer.alloc(1));
  expect(openFiles()).toBe(before + 1);
  spool.close();
  expect(openFiles()).toBe(before);
});

test('spool() of an input whose rest is spooled opens no second file', () => {
  const before = openFiles();
  const open = vi.spyOn(fs, 'openSync');
  const body = new Input(bytesOf(counting(2 * MIB)), 2 * MIB);
  body.spool();
  body.spool();
  expect([open.mock.calls.length, openFiles()]).toEqual([1, before + 1]);
  expect(body.read().equals(counting(2 * MIB))).toBe(true);
  body.spool();
  expect(open.mock.calls.length).toBe(1);
});

test('the file lies in TMPDIR or /tmp, is new, and is for this user only', () => {
  const open = vi.spyOn(fs, 'openSync');
  vi.stubEnv('TMPDIR', undefined);
  const spool = new Spool();
  spool.add(Buffer.alloc(MIB + 1));
  spool.close();
  vi.unstubAllEnvs();
  expect(open.mock.calls).toEqual([[expect.stringMatching(new RegExp(`^/tmp/run-with-cgi-${process.pid}-\\d+$`)), 'wx+', 0o600]]);
});

test('a source is asked for exactly the bytes that are missing', () => {
  const asked: number[] = [];
  const source = {
    read(buffer: Uint8Array) {
      asked.push(buffer.length);
      return buffer.length;
    },
  };
  expect(spoolSource(source, 70_000).length).toBe(70_000);
  expect(asked).toEqual([65_536, 4_464]);
});

test('short writes to the file are continued', () => {
  const { writeSync } = fs;
  vi.spyOn(fs, 'writeSync').mockImplementation(((file: number, bytes: Uint8Array, from: number, length: number, position: number) =>
    writeSync(file, bytes, from, Math.min(length, 1000), position)) as typeof fs.writeSync);
  const spool = new Spool();
  spool.add(counting(MIB));
  spool.add(counting(5_500, MIB));
  spool.add(counting(2_500, MIB + 5_500));
  expect(drain(spool, 3_000).equals(counting(MIB + 8_000))).toBe(true);
  spool.close();
});

test('after a write that failed the bytes before it can be read, and then each read throws its cause', () => {
  const spool = new Spool();
  spool.add(counting(MIB));
  spool.add(counting(5_000, MIB));
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const { writeSync } = fs;
  let writes = 0;
  vi.spyOn(fs, 'writeSync').mockImplementation(((file: number, bytes: Uint8Array, from: number, _length: number, position: number) => {
    if (++writes > 1) throw full;
    return writeSync(file, bytes, from, 100, position);
  }) as typeof fs.writeSync);
  spool.add(Buffer.alloc(1_000, 'lost'));
  vi.restoreAllMocks();
  spool.add(Buffer.alloc(1_000, 'too late'));
  const blocks: Buffer[] = [];
  for (let left = MIB + 5_000; left > 0; ) {
    const buffer = Buffer.alloc(3_000);
    const count = spool.read(buffer);
    blocks.push(buffer.subarray(0, count));
    left -= count;
  }
  expect(Buffer.concat(blocks).equals(counting(MIB + 5_000))).toBe(true);
  for (let tries = 0; tries < 2; tries++) {
    expect(() => spool.read(Buffer.alloc(10))).toThrow(expect.objectContaining({ code: 'body-lost', statusHint: 507, cause: full }));
  }
  expect(spool.length).toBe(MIB + 7_000);
  spool.close();
});

test('a read from the file that fails tells its cause', () => {
  const spool = new Spool();
  spool.add(counting(MIB));
  spool.add(counting(10));
  expect(spool.read(Buffer.alloc(MIB))).toBe(MIB);
  const cause = Object.assign(new Error('i/o error'), { code: 'EIO' });
  vi.spyOn(fs, 'readSync').mockImplementation(() => {
    throw cause;
  });
  const lost = { code: 'body-lost', statusHint: 507, message: expect.stringMatching(/could not be kept in .*: EIO$/), cause };
  expect(() => spool.read(Buffer.alloc(10))).toThrow(expect.objectContaining(lost));
  spool.close();
});

test('a file that cannot be unlinked does not stay open', () => {
  const before = openDescriptors();
  const { unlinkSync } = fs;
  const paths: unknown[] = [];
  vi.spyOn(fs, 'unlinkSync').mockImplementation((path) => {
    paths.push(path);
    throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
  });
  const spool = new Spool();
  spool.add(Buffer.alloc(MIB + 1));
  expect(() => spool.read(Buffer.alloc(1))).toThrow('could not be kept');
  expect([paths.length, openDescriptors()]).toEqual([1, before]);
  unlinkSync(String(paths[0]));
});

test('a small spool takes no more memory than its bytes', () => {
  const before = process.memoryUsage().arrayBuffers;
  const spools = Array.from({ length: 200 }, () => new Spool());
  for (const spool of spools) spool.add(Buffer.alloc(5_000));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * 5_000 * 2 + 1_000_000);
  expect(spools.map((spool) => drain(spool).length)).toEqual(spools.map(() => 5_000));
});
