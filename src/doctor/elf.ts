// The header of an executable in ELF, Linux's own format: for which processor it is, and which loader it asks for.

import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

export interface Elf {
  /** The processor: "x86-64". */
  machine: string;
  /** The path of the dynamic loader; undefined for a static executable. */
  loader: string | undefined;
}

const MACHINES: Readonly<Record<number, string>> = {
  3: 'x86',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC 64',
  22: 's390',
  40: 'ARM',
  62: 'x86-64',
  183: 'ARM64',
  243: 'RISC-V',
  258: 'LoongArch',
};

/** The processors whose executables run on Node's `process.arch`; the second of a pair where the kernel has its 32-bit mode. */
const RUNS: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86-64', 'x86'],
  ia32: ['x86'],
  arm64: ['ARM64', 'ARM'],
  arm: ['ARM'],
  ppc64: ['PowerPC 64'],
  riscv64: ['RISC-V'],
  s390x: ['s390'],
  loong64: ['LoongArch'],
  mips: ['MIPS'],
  mipsel: ['MIPS'],
};

const PT_INTERP = 3;

/** Returns what the header of `path` says; undefined if the file is no ELF file or this process cannot read it. */
export function readElf(path: string): Elf | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const bytes = Buffer.alloc(64 * 1024);
    const length = readSync(file, bytes, 0, bytes.length, 0);
    return parseElf(bytes.subarray(0, length));
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function parseElf(bytes: Buffer): Elf | undefined {
  if (bytes.toString('latin1', 0, 4) !== '\x7fELF') return undefined;
  const is64 = bytes[4] === 2;
  const isLittle = bytes[5] === 1;
  const number = (at: number, size: number) => (isLittle ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size));
  const machine = number(18, 2);
  const entries = is64 ? number(32, 6) : number(28, 4);
  const size = number(is64 ? 54 : 42, 2);
  const count = number(is64 ? 56 : 44, 2);
  let loader: string | undefined;
  for (let index = 0; index < count; index++) {
    const at = entries + index * size;
    if (at + size > bytes.length) break;
    if (number(at, 4) !== PT_INTERP) continue;
    const start = is64 ? number(at + 8, 6) : number(at + 4, 4);
    loader = bytes.toString('latin1', start, bytes.indexOf(0, start));
  }
  return { machine: MACHINES[machine] ?? `machine ${machine}`, loader };
}

/** Whether this machine runs executables for `machine`, by itself or by an emulator that the kernel knows. */
export function runsHere(machine: string): boolean {
  const known = RUNS[process.arch];
  return known === undefined || known.includes(machine) || hasEmulator();
}

function hasEmulator(): boolean {
  try {
    return readdirSync('/proc/sys/fs/binfmt_misc').some((name) => name.startsWith('qemu-'));
  } catch {
    return false;
  }
}
