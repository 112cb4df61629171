// The first instructions of a standalone executable. They erase the environment variables that would make something
// else of it: BUN_BE_BUN=1 turns it into Bun's own command, BUN_OPTIONS has it load a file. Bun obeys them before the first line
// of JavaScript, so JavaScript comes too late.

import { open } from 'node:fs/promises';
import { UserError } from '../../load/user-error.ts';
import { FIELD, fillHeader, HEAD, type Instructions, LOAD, loadedPart, NOTE, programHeaders, toCode } from './elf.ts';

/**
 * The variables, by how the string "NAME=value" begins. `BUN_` is Bun, `BUN_JSC_` and `JSC_` its engine, `MIMALLOC_` its
 * allocator in either case, `ICU_` its tables of languages. HTTP_PROXY is what a client's "Proxy:" header becomes, and
 * Bun's `fetch` would obey it (httpoxy).
 */
const ERASED = ['BUN_', 'JSC_', 'MIMALLOC_', 'mimalloc_', 'ICU_', 'HTTP_PROXY='];

/**
 * Linux starts a program with the stack pointer at argc, argv, 0, envp, 0. The code writes zeros over each variable that begins
 * with one of the names behind it. It leaves alone the registers in which the program itself gets something, rdx and x0.
 */
const CODE: Instructions = {
  // x86-64
  62: `
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
    ebf3            jmp   erase`,
  // AArch64
  183: `
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
    fdffff17        b     erase`,
};

/** Bytes at the start of a file, enough for the list of its program headers. */
const BEGINNING = 4096;

/** Puts the code into the executable file `path`, at its end. Throws a `UserError` for a file that is not of the ELF format, or of a processor without code. */
export async function eraseVariables(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(BEGINNING);
    await file.read(head, 0, BEGINNING, 0);
    // The code begins at a multiple of sixteen bytes, in the file and so in memory.
    const offset = Math.ceil(size / 16) * 16;
    const code = addCode(head, offset);
    await file.write(head, 0, BEGINNING, 0);
    await file.write(code, 0, code.length, offset);
  } finally {
    await file.close();
  }
}

/** Returns the code for a program whose file begins with `head`, and changes that so that the code, `offset` bytes from its beginning, is what runs first. */
function addCode(head: Buffer, offset: number): Buffer {
  const headers = programHeaders(head);
  // The note names the build of Bun, and nothing reads it at run time. The code takes its place in the list.
  const spare = headers.find((header) => header.readUInt32LE(FIELD.type) === NOTE);
  const { loaded, end, align } = loadedPart(headers);
  // Linux maps pages: an address is as far from the beginning of its page as the offset is.
  const address = Math.ceil(end / align) * align + (offset % align);
  const code = loaded.length === 0 ? undefined : toCode(CODE, head, address, `${ERASED.join('\0')}\0\0`);
  if (!spare || !code) {
    throw new UserError('build-failed', 'Bun has made an executable of an unknown form; another version of Bun may do, 1.4.5 does');
  }
  fillHeader(spare, LOAD, { offset, address, size: code.length, align });
  head.writeBigUInt64LE(BigInt(address), HEAD.entry);
  return code;
}
