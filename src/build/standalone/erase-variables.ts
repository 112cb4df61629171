// The first instructions of a standalone executable. They erase the environment variables by which whoever starts a program
// of Bun's can make it something else: BUN_BE_BUN=1 turns it into Bun's own command, BUN_OPTIONS has it load a file. Bun
// obeys them before the first line of JavaScript, so JavaScript comes too late.

import { open } from 'node:fs/promises';
import { UserError } from '../../load/user-error.ts';

/**
 * The variables, by how the string "NAME=value" begins. `BUN_` is Bun, `BUN_JSC_` and `JSC_` its engine, `MIMALLOC_` its
 * allocator in either case, `ICU_` its tables of languages. HTTP_PROXY is what a client's "Proxy:" header becomes, and
 * Bun's `fetch` would obey it (httpoxy).
 */
const ERASED = ['BUN_', 'JSC_', 'MIMALLOC_', 'mimalloc_', 'ICU_', 'HTTP_PROXY='];

/**
 * Machine code by the number of the processor in the file's head, `e_machine`. Linux starts a program with the stack pointer
 * at argc, argv, 0, envp, 0. The code writes zeros over each variable that begins with one of the names behind it, and jumps
 * to where the program would have begun. That place is `distance` bytes from `done`. Registers that the program itself gets
 * something in, rdx and x0, are left alone.
 */
const CODE: Readonly<Record<number, { instructions: string; done: number }>> = {
  // x86-64
  62: {
    done: 0x4d,
    instructions: `
      488b0424        mov   rax, [rsp]                ; argc
      488d74c410      lea   rsi, [rsp + rax*8 + 16]   ; envp
    variable:
      48ad            lodsq
      4885c0          test  rax, rax
      743d            jz    done
      488d3d4e000000  lea   rdi, [rip + names]
    name:
      4889c1          mov   rcx, rax
    character:
      448a07          mov   r8b, [rdi]
      48ffc7          inc   rdi
      4584c0          test  r8b, r8b
      741b            jz    erase
      443a01          cmp   r8b, [rcx]
      488d4901        lea   rcx, [rcx + 1]
      74ec            je    character
    rest:
      448a07          mov   r8b, [rdi]
      48ffc7          inc   rdi
      4584c0          test  r8b, r8b
      75f5            jnz   rest
      803f00          cmp   byte ptr [rdi], 0
      75d9            jne   name
      ebc9            jmp   variable
    erase:
      803800          cmp   byte ptr [rax], 0
      74c4            je    variable
      c60000          mov   byte ptr [rax], 0
      48ffc0          inc   rax
      ebf3            jmp   erase
    done:
      488d05f9ffffff  lea   rax, [rip + done]
      48030502000000  add   rax, [rip + distance]
      ffe0            jmp   rax`,
  },
  // AArch64
  183: {
    done: 0x58,
    instructions: `
      5f2403d5        bti   c
      e90340f9        ldr   x9, [sp]                  ; argc
      ea6f298b        add   x10, sp, x9, lsl #3
      4a410091        add   x10, x10, #16             ; envp
    variable:
      4b8540f8        ldr   x11, [x10], #8
      2b0200b4        cbz   x11, done
      cc020010        adr   x12, names
    name:
      ed030baa        mov   x13, x11
    character:
      8e154038        ldrb  w14, [x12], #1
      2e010034        cbz   w14, erase
      af154038        ldrb  w15, [x13], #1
      df010f6b        cmp   w14, w15
      80ffff54        b.eq  character
    rest:
      8e154038        ldrb  w14, [x12], #1
      eeffff35        cbnz  w14, rest
      8e014039        ldrb  w14, [x12]
      eefeff35        cbnz  w14, name
      f3ffff17        b     variable
    erase:
      6e014039        ldrb  w14, [x11]
      2efeff34        cbz   w14, variable
      7f150038        strb  wzr, [x11], #1
      fdffff17        b     erase
    done:
      10000010        adr   x16, done
      71000058        ldr   x17, distance
      1002118b        add   x16, x16, x17
      00021fd6        br    x16`,
  },
};

/** Of a program header: what it is, and that the code in it can be read and run. */
const [LOAD, NOTE] = [1, 4];
const READ_AND_EXECUTE = 5;

/** The places of fields in the head of an ELF file of 64 bits: e_machine, e_entry, e_phoff, e_phentsize, e_phnum. */
const [MACHINE, ENTRY, HEADERS, HEADER_SIZE, HEADER_COUNT] = [18, 24, 32, 54, 56];

/** The places of fields in a program header. */
const FIELD = { type: 0, flags: 4, offset: 8, address: 16, physicalAddress: 24, fileSize: 32, memorySize: 40, align: 48 };

/** As much of a file as has the list of its program headers. */
const HEAD = 4096;

/** Puts the code into the executable file `path`, at its end. Throws a `UserError` for a file that is not of the ELF format, or of a processor without code. */
export async function eraseVariables(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(HEAD);
    await file.read(head, 0, HEAD, 0);
    // A page of the file is a page of memory: the code begins where a line of sixteen bytes does.
    const offset = Math.ceil(size / 16) * 16;
    const code = addCode(head, offset);
    await file.write(head, 0, HEAD, 0);
    await file.write(code, 0, code.length, offset);
  } finally {
    await file.close();
  }
}

/** Returns the code for a program whose file begins with `head`, and changes that so that the code, `offset` bytes from its beginning, is what runs first. */
function addCode(head: Buffer, offset: number): Buffer {
  const code = CODE[head.readUInt16LE(MACHINE)];
  const is64Bit = head.toString('latin1', 0, 6) === '\x7fELF\x02\x01';
  const headers = is64Bit ? programHeaders(head) : [];
  const loaded = headers.filter((header) => header.readUInt32LE(FIELD.type) === LOAD);
  // Nobody reads the note, which names the build of Bun, at run time; the code takes its place in the list.
  const spare = headers.find((header) => header.readUInt32LE(FIELD.type) === NOTE);
  if (!code || !spare || loaded.length === 0) {
    throw new UserError('build-failed', 'Bun has made an executable of an unknown form; another version of Bun may do, 1.4.5 does');
  }
  const align = Math.max(...loaded.map((header) => toNumber(header, FIELD.align)));
  const end = Math.max(...loaded.map((header) => toNumber(header, FIELD.address) + toNumber(header, FIELD.memorySize)));
  // Linux maps pages: an address is as far from the beginning of its page as the offset is.
  const address = Math.ceil(end / align) * align + (offset % align);

  const instructions = Buffer.from(
    code.instructions
      .replace(/;.*/g, '')
      .match(/\b[0-9a-f]{4,14}(?= {2})/g)
      ?.join('') ?? '',
    'hex',
  );
  const distance = Buffer.alloc(8);
  distance.writeBigInt64LE(head.readBigUInt64LE(ENTRY) - BigInt(address + code.done));
  const added = Buffer.concat([instructions, distance, Buffer.from(`${ERASED.join('\0')}\0\0`)]);

  spare.writeUInt32LE(LOAD, FIELD.type);
  spare.writeUInt32LE(READ_AND_EXECUTE, FIELD.flags);
  for (const [field, value] of [
    [FIELD.offset, offset],
    [FIELD.address, address],
    [FIELD.physicalAddress, address],
    [FIELD.fileSize, added.length],
    [FIELD.memorySize, added.length],
    [FIELD.align, align],
  ] as const) {
    spare.writeBigUInt64LE(BigInt(value), field);
  }
  head.writeBigUInt64LE(BigInt(address), ENTRY);
  return added;
}

function programHeaders(head: Buffer): Buffer[] {
  const start = toNumber(head, HEADERS);
  const size = head.readUInt16LE(HEADER_SIZE);
  return Array.from({ length: head.readUInt16LE(HEADER_COUNT) }, (_, at) => head.subarray(start + at * size, start + (at + 1) * size));
}

function toNumber(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
