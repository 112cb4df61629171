// Executable files of the ELF format for 64 bits: their list of program headers, each of which says what of the file is where in
// memory, and instructions of ours that run before the program's own.

/** Places of fields in the head of a file: e_machine, e_entry, e_phoff, e_phentsize, e_phnum. */
export const HEAD = { machine: 18, entry: 24, headers: 32, headerSize: 54, headerCount: 56 } as const;

/** Places of fields in a program header. */
export const FIELD = { type: 0, flags: 4, offset: 8, address: 16, physicalAddress: 24, fileSize: 32, memorySize: 40, align: 48 } as const;

/** Kinds of program headers: what is put into memory, a note, and the list of the headers itself. */
export const [LOAD, NOTE, LIST] = [1, 4, 6] as const;

const [READ, READ_AND_EXECUTE] = [4, 5];

/** Machine code for one processor, in lines of hexadecimal numbers and what these mean. */
export interface Instructions {
  lines: string;
  /** How many bytes there are before the label "done", from which on the code jumps to where the program would have begun. */
  done: number;
}

/** By the number of the processor in the head of a file: 62 is x86-64, 183 is AArch64. */
export type InstructionsByProcessor = Readonly<Record<number, Instructions>>;

/** Returns the program headers of a file that begins with `head`, as views of it; none for a file of another format. */
export function programHeaders(head: Buffer): Buffer[] {
  if (head.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return [];
  const start = toNumber(head, HEAD.headers);
  const size = head.readUInt16LE(HEAD.headerSize);
  return Array.from({ length: head.readUInt16LE(HEAD.headerCount) }, (_, at) => head.subarray(start + at * size, start + (at + 1) * size));
}

/** What of `headers` goes into memory: the headers of that, the first address behind it, and the size of a page. */
export function loadedPart(headers: readonly Buffer[]): { loaded: Buffer[]; end: number; align: number } {
  const loaded = headers.filter((header) => header.readUInt32LE(FIELD.type) === LOAD);
  return {
    loaded,
    end: Math.max(...loaded.map((header) => toNumber(header, FIELD.address) + toNumber(header, FIELD.memorySize))),
    align: Math.max(...loaded.map((header) => toNumber(header, FIELD.align))),
  };
}

/** Makes `header` one for `size` bytes, `offset` bytes from the beginning of the file, that are at `address` in memory. */
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

/** Returns the bytes of `instructions` that are at `address`, with what they read, `data`, behind them. At the end they jump to `entry`. */
export function toCode({ lines, done }: Instructions, address: number, entry: bigint, data: string): Buffer {
  const numbers = [...lines.matchAll(/^ +([0-9a-f]+) {2}/gm)].map(([, number = '']) => number);
  const bytes = Buffer.from(numbers.join(''), 'hex');
  const distance = Buffer.alloc(8);
  distance.writeBigInt64LE(entry - BigInt(address + done));
  return Buffer.concat([bytes, distance, Buffer.from(data)]);
}

/** Returns a number of 64 bits. */
export function toNumber(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
