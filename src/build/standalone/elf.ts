// Executable files of the ELF format for 64 bits: their list of program headers, each of which says what of the file is where in
// memory, and instructions of ours that run before the program's own.

/** Places of fields in the head of a file: e_machine, e_entry, e_phoff, e_phentsize, e_phnum. */
export const HEAD = { machine: 18, entry: 24, headers: 32, headerSize: 54, headerCount: 56 } as const;

/** Places of fields in a program header. */
export const FIELD = { type: 0, flags: 4, offset: 8, address: 16, physicalAddress: 24, fileSize: 32, memorySize: 40, align: 48 } as const;

/** Kinds of program headers: what is put into memory, a note, and the list of the headers itself. */
export const [LOAD, NOTE, LIST] = [1, 4, 6] as const;

const [READ, READ_AND_EXECUTE] = [4, 5];

/**
 * Machine code, in lines of hexadecimal numbers and what these mean, by the number of the processor in the head of a file: 62 is
 * x86-64, 183 is AArch64.
 */
export type Instructions = Readonly<Record<number, string>>;

/** Jumps to where the program would have begun. That place is `distance` bytes from `done`. */
const JUMP: Instructions = {
  62: `
  done:
    488d05f9ffffff  lea   rax, [rip + done]
    48030502000000  add   rax, [rip + distance]
    ffe0            jmp   rax`,
  183: `
  done:
    10000010        adr   x16, done
    71000058        ldr   x17, distance
    1002118b        add   x16, x16, x17
    00021fd6        br    x16`,
};

/** Returns the program headers of a file that begins with `head`, as views of it; none for a file of another format. */
export function programHeaders(head: Buffer): Buffer[] {
  if (head.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return [];
  const start = toNumber(head, HEAD.headers);
  const size = head.readUInt16LE(HEAD.headerSize);
  return Array.from({ length: head.readUInt16LE(HEAD.headerCount) }, (_, at) => head.subarray(start + at * size, start + (at + 1) * size));
}

/** Returns the headers of what goes into memory, the first address behind that, and the size of a page. */
export function loadedPart(headers: readonly Buffer[]): { loaded: Buffer[]; end: number; align: number } {
  const loaded = headers.filter((header) => header.readUInt32LE(FIELD.type) === LOAD);
  return {
    loaded,
    end: Math.max(...loaded.map((header) => toNumber(header, FIELD.address) + toNumber(header, FIELD.memorySize))),
    align: Math.max(...loaded.map((header) => toNumber(header, FIELD.align))),
  };
}

/** Fills `header` in for `size` bytes, which are `offset` bytes from the beginning of the file, and at `address` in memory. */
export function fillHeader(header: Buffer, type: number, { offset, address, size, align }: Part): void {
  header.writeUInt32LE(type, FIELD.type);
  header.writeUInt32LE(type === LOAD ? READ_AND_EXECUTE : READ, FIELD.flags);
  for (const [field, value] of [
    [FIELD.offset, offset],
    [FIELD.address, address],
    [FIELD.physicalAddress, address],
    [FIELD.fileSize, size],
    [FIELD.memorySize, size],
    [FIELD.align, align],
  ] as const) {
    header.writeBigUInt64LE(BigInt(value), field);
  }
}

export interface Part {
  offset: number;
  address: number;
  size: number;
  align: number;
}

/**
 * Returns the code that runs `instructions` at `address` and then jumps to `entry`. The data that it reads stands behind it.
 * Returns undefined where `instructions` has none for the processor of `head`, the head of a file.
 */
export function toCode(instructions: Instructions, head: Buffer, address: number, data: string): Buffer | undefined {
  const processor = head.readUInt16LE(HEAD.machine);
  const [lines, jump] = [instructions[processor], JUMP[processor]];
  if (lines === undefined || jump === undefined) return undefined;
  const code = toBytes(lines);
  const distance = Buffer.alloc(8);
  distance.writeBigInt64LE(head.readBigUInt64LE(HEAD.entry) - BigInt(address + code.length));
  return Buffer.concat([code, toBytes(jump), distance, Buffer.from(data)]);
}

/** Returns the hexadecimal numbers of `lines` as bytes. */
function toBytes(lines: string): Buffer {
  const numbers = [...lines.matchAll(/^ +([0-9a-f]+) {2}/gm)].map(([, number = '']) => number);
  return Buffer.from(numbers.join(''), 'hex');
}

/** Returns a number of 64 bits. */
export function toNumber(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
