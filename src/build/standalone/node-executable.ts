// Makes an executable of a bundle with Node in it: one of Node's "single executable applications", which is a copy of the Node
// that builds it, with a note in it. Instructions of our own run first.

import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { wrapMain } from '../../built-script/boot.ts';
import { UserError } from '../../load/user-error.ts';
import { FIELD, fillHeader, HEAD, type Instructions, LIST, LOAD, loadedPart, NOTE, programHeaders, toCode, toNumber } from './elf.ts';
import { forkGuard } from './fork-guard.ts';

/** The name of the note that Node looks for. */
const NAME = 'NODE_SEA_BLOB';

/** Stands in Node's executable, with a 1 behind it where there is that note. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';

/**
 * Puts "--" and "--" between the program's name and its arguments, if it has some, and jumps to where the program would have begun.
 * Node 20 to 26 look for "--env-file" among the arguments before any JavaScript runs, and stop at "--". A web server makes
 * arguments of a client's query (RFC 3875 §4.4), and the file can be the request's body, which may set NODE_OPTIONS. Two words are
 * added since the stack pointer has to be a multiple of 16. A program without arguments is left as it is: the last one must be the
 * kernel's, behind the others in memory, for `process.title`.
 */
const CODE: Instructions = {
  // x86-64
  62: `
    488b0424        mov   rax, [rsp]                ; argc
    4883f802        cmp   rax, 2
    7c1b            jl    done
    488b4c2408      mov   rcx, [rsp + 8]            ; argv[0]
    488d3527000000  lea   rsi, [rip + words]
    48893424        mov   [rsp], rsi
    4889742408      mov   [rsp + 8], rsi
    51              push  rcx
    4883c002        add   rax, 2
    50              push  rax`,
  // AArch64
  183: `
    5f2403d5        bti   c
    e90340f9        ldr   x9, [sp]                  ; argc
    3f0900f1        cmp   x9, #2
    cb000054        b.lt  done
    ea0740f9        ldr   x10, [sp, #8]             ; argv[0]
    4b010010        adr   x11, words
    eb2f00a9        stp   x11, x11, [sp]
    29090091        add   x9, x9, #2
    e92bbfa9        stp   x9, x10, [sp, #-16]!`,
};

/** The data behind the code. The two words point to it. */
const WORDS = '--\0';

export interface NodeExecutableOptions {
  /** Statements that come before the source, in one line. */
  before: string;
  /** The code that V8 has compiled from the source. Default: none. */
  code?: Buffer | undefined;
  /** A folder for temporary files. */
  folder: string;
}

/** Makes the executable `file`, which runs `source`, a CommonJS module. Throws a `UserError` where this Node cannot be copied. */
export async function makeNodeExecutable(source: string, file: string, options: NodeExecutableOptions): Promise<void> {
  const { before, code = Buffer.alloc(0), folder } = options;
  const node = await readFile(process.execPath);
  const assets = { source: join(folder, 'source'), code: join(folder, 'code') };
  // The executable contains these two paths, so they are the same for each build.
  const settings = { main: 'main.cjs', output: 'note', disableExperimentalSEAWarning: true, assets };
  await writeFile(
    join(folder, 'main.cjs'),
    MAIN.replace('NAME', () => JSON.stringify(basename(file))),
  );
  await writeFile(assets.source, wrapMain(source, before));
  await writeFile(assets.code, code);
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings));
  const words = ['--experimental-sea-config', 'settings.json'];
  await promisify(execFile)(process.execPath, words, { cwd: folder, env: {} }).catch((error: Error) => {
    throw new UserError('build-failed', `Node ${process.version.slice(1)} cannot make an executable of it`, { cause: error.message });
  });
  const [beginning, added] = addNote(node, await readFile(join(folder, 'note')));
  await rm(file, { force: true });
  await writeFile(file, beginning, { mode: 0o755 });
  await writeFile(file, added, { flag: 'a' });
}

/** Returns the two parts of an executable: `node`, which is changed, up to a multiple of a page, and a new segment with the note and the code. */
function addNote(node: Buffer, content: Buffer): [beginning: Buffer, added: Buffer] {
  const headers = programHeaders(node);
  const { loaded, end, align } = loadedPart(headers);
  const fuse = node.indexOf(`${FUSE}0`);
  const [first] = loaded;
  // All addresses are as far from the offsets as those of the first segment: a kernel before 5.18 expects that of the list of headers.
  const base = first ? toNumber(first, FIELD.address) - toNumber(first, FIELD.offset) : 0;
  const offset = Math.ceil(Math.max(node.length, end - base) / align) * align;
  const size = node.readUInt16LE(HEAD.headerSize);
  const listSize = (headers.length + 2) * size;
  const codeAt = Math.ceil(listSize / 16) * 16;
  const code = first && toCode(CODE, node, base + offset + codeAt, WORDS);
  if (!code || fuse < 0) {
    throw new UserError(
      'runtime-missing',
      `--standalone=node needs a Node that is one file, and ${process.execPath} is not one; run build with the Node of nodejs.org`,
    );
  }
  node.write('1', fuse + FUSE.length);
  const noteAt = Math.ceil((codeAt + code.length) / 4) * 4;
  const note = toNote(content);
  const added = Buffer.alloc(noteAt + note.length);
  const at = (place: number, length: number, alignment: number) => ({
    offset: offset + place,
    address: base + offset + place,
    size: length,
    align: alignment,
  });

  const segment = Buffer.alloc(size);
  fillHeader(segment, LOAD, at(0, added.length, align));
  const noteHeader = Buffer.alloc(size);
  fillHeader(noteHeader, NOTE, at(noteAt, note.length, 4));
  const list = headers.find((header) => header.readUInt32LE(FIELD.type) === LIST);
  if (list) fillHeader(list, LIST, at(0, listSize, 8));
  // Segments stand in the order of their addresses.
  const last = headers.lastIndexOf(loaded.at(-1) ?? segment) + 1;
  Buffer.concat([...headers.slice(0, last), segment, ...headers.slice(last), noteHeader]).copy(added);
  code.copy(added, codeAt);
  note.copy(added, noteAt);

  node.writeBigUInt64LE(BigInt(base + offset + codeAt), HEAD.entry);
  node.writeBigUInt64LE(BigInt(offset), HEAD.headers);
  node.writeUInt16LE(headers.length + 2, HEAD.headerCount);
  return [Buffer.concat([node, Buffer.alloc(offset - node.length)]), added];
}

/** Returns the note with `content`: the lengths of its name and of its content, a type, the name and the content. */
function toNote(content: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(NAME.length + 1, 0);
  head.writeUInt32LE(content.length, 4);
  const name = Buffer.alloc(Math.ceil((NAME.length + 1) / 4) * 4);
  name.write(NAME);
  return Buffer.concat([head, name, content]);
}

/** The main module of the executable. The program in it takes the executable for its own file, as a built script does. */
const MAIN = `const file=process.execPath,{getRawAsset}=require("node:sea"),bytes=name=>Buffer.from(getRawAsset(name));
${forkGuard('require("node:fs")')}
process.argv.splice(1,3,file);
new(require("node:vm").Script)(bytes("source").toString(),{filename:NAME,lineOffset:-1,cachedData:bytes("code")}).runInThisContext()(false,false,false);
`;
