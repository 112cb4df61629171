// Makes compiled code for the V8 of this host, where it refuses the code in a built script: build has run on another version of
// Node. A process makes the code when its response is out, and the next ones find it in a folder of their user.
//
// build puts this file into the script as text, and the script evaluates it only where it needs it.

import type { Script } from 'node:vm';
import { setWorkAfterResponse } from '../cgi/work-after-response.ts';
import { fs } from '../fs.ts';
import { isPrivate, isPrivateFolder, makePrivateFolder, takeLock, temporaryFolder } from '../private-folder.ts';

/** How often code is made for one script. Each time adds the functions that one more request has called. */
const MAX_TIMES = 8;
/** Milliseconds after which code that was made once is made again; four times as many after each further time, so the last time is after 11 hours. */
const FIRST_AGE = 10_000;
/** Milliseconds after which a process tries again what has failed, on a full disk, say, or was interrupted. */
const RETRY = 60_000;

/** The limits of the folder: bytes of one file, bytes of all, number of files. */
const MAX_SIZE = 16 * 1024 * 1024;
const MAX_TOTAL = 128 * 1024 * 1024;
const MAX_FILES = 128;
/** Milliseconds for which a file stays even when the folder is full. */
const MIN_AGE = 86_400_000;

/** The bytes before the code: how often it was made, and the name of the file. */
const HEADER = 256;
const NAME_AT = 4;

/** Compiles the program of the script. With `code` V8 need not compile what is in it. `column` is that of the first character. */
type Compile = (code: Buffer | undefined, column: number) => Script;

/** Code that was made before. */
interface Kept {
  code: Buffer;
  times: number;
  /** When it was made, in milliseconds. */
  madeAt: number;
}

/**
 * Returns the program of the script, compiled. `hash` identifies its source. `refused` is the program when V8 has already compiled
 * its source, because it refused the code in the script; undefined when the version of V8 says that it would.
 */
export function compileByCache(compile: Compile, hash: string, refused: Script | undefined): Script {
  if (process.env.RUN_WITH_CGI_CODE_CACHE === 'off') return refused ?? compile(undefined, 0);
  const name = fileName(hash);
  const { folder, isReady } = findFolder();
  const kept = isReady ? readCode(`${folder}/code/${name}`, name) : undefined;
  // V8 looks for what it has compiled before it looks at the code. Another column keeps it from finding `refused`.
  const script = kept ? compile(kept.code, refused ? 1 : 0) : (refused ?? compile(undefined, 0));
  if (!kept || isDue(kept)) setWorkAfterResponse(() => keepCode(script, folder, name, kept));
  return script;
}

/** Finds the folder for the code: the cache of this user, or a folder among the temporary files. It is ready if it exists and is for this user alone. */
function findFolder(): { folder: string; isReady: boolean } {
  const { XDG_CACHE_HOME, HOME } = process.env;
  for (const [parent, name] of [
    [XDG_CACHE_HOME, 'run-with-cgi'],
    [HOME, '.cache/run-with-cgi'],
  ] as const) {
    if (!parent?.startsWith('/')) continue;
    const folder = `${parent}/${name}`;
    const isReady = isPrivateFolder(folder);
    if (isReady || isOwn(parent)) return { folder, isReady };
  }
  const folder = temporaryFolder();
  return { folder, isReady: isPrivateFolder(folder) };
}

function isOwn(path: string): boolean {
  try {
    return fs.statSync(path).uid === process.geteuid?.();
  } catch {
    return false;
  }
}

/** Returns the name of the file for this V8. Flags of V8 change the code as its version does. */
function fileName(hash: string): string {
  const name = `${hash}-${process.arch}-${process.versions.v8}`;
  const mayHaveFlags = process.env.NODE_OPTIONS || process.execArgv.some((argument) => argument.startsWith('--'));
  return mayHaveFlags ? `${name}-${process.getBuiltinModule('node:v8').cachedDataVersionTag().toString(16)}` : name;
}

function isDue({ times, madeAt }: Kept): boolean {
  return times < MAX_TIMES && Date.now() - madeAt >= FIRST_AGE * 4 ** (times - 1);
}

/** Returns the code in a file that `writeCode` has made; undefined where there is none, where it is damaged, or where others may have changed it. */
function readCode(path: string, name: string): Kept | undefined {
  let file: number | undefined;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    file = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const status = fs.fstatSync(file);
    if (!status.isFile() || !isPrivate(status) || status.size > MAX_SIZE) return undefined;
    const bytes = Buffer.allocUnsafeSlow(status.size);
    if (fs.readSync(file, bytes) < bytes.length || !bytes.toString('latin1', NAME_AT, HEADER).startsWith(`${name}\0`)) return undefined;
    const middle = (bytes.length + HEADER) / 2;
    const code = bytes.subarray(HEADER, middle);
    // Changed code may crash the process. V8 does not look for that, and the module that has checksums takes 1.5 ms to load.
    if (!code.equals(bytes.subarray(middle))) return undefined;
    return { code, times: bytes.readUInt32LE(0), madeAt: status.mtimeMs };
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) fs.closeSync(file);
  }
}

/** Writes what V8 has compiled of `script` into the file `name`. Does nothing where that is impossible, or where another process does it. */
function keepCode(script: Script, folder: string, name: string, kept: Kept | undefined): void {
  try {
    if (!makePrivateFolder(folder) || !makePrivateFolder(`${folder}/code`)) return;
    const path = `${folder}/code/${name}`;
    if (!takeLock(`${path}.lock`, RETRY)) return;
    // A failure leaves the lock behind: otherwise each of the next requests would try again.
    if (!wasMadeMeanwhile(path)) writeCode(script, `${folder}/code`, name, kept);
    fs.unlinkSync(`${path}.lock`);
  } catch {
    // A full disk, say, or one that only can be read: the next processes compile the source, too.
  }
}

/** Whether another process has made the file while this one ran. */
function wasMadeMeanwhile(path: string): boolean {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.mtimeMs < process.uptime() * 1000;
}

function writeCode(script: Script, folder: string, name: string, kept: Kept | undefined): void {
  const made = script.createCachedData();
  // The garbage collector may have dropped functions that nobody called for a while.
  const code = kept && !script.cachedDataRejected && kept.code.length >= made.length ? kept.code : made;
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE((kept?.times ?? 0) + 1);
  header.write(name, NAME_AT, 'latin1');
  const bytes = Buffer.concat([header, code, code]);
  makeRoom(folder, bytes.length);
  const temporary = `${folder}/${name}.new`;
  try {
    fs.rmSync(temporary, { force: true });
    fs.writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600 });
    fs.renameSync(temporary, `${folder}/${name}`);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** Removes the oldest files of `folder`, as far as a file of `size` bytes needs their place. Throws where it needs the place of younger ones. */
function makeRoom(folder: string, size: number): void {
  if (size > MAX_SIZE) throw new Error('The code is too large');
  const files = fs.readdirSync(folder).map((name) => {
    const { size, mtimeMs } = fs.lstatSync(`${folder}/${name}`);
    return { path: `${folder}/${name}`, size, age: Date.now() - mtimeMs };
  });
  let total = size;
  for (const [at, file] of files.sort((a, b) => a.age - b.age).entries()) {
    total += file.size;
    if (at + 1 < MAX_FILES && total <= MAX_TOTAL) continue;
    if (file.age < MIN_AGE) throw new Error('The folder is full');
    fs.rmSync(file.path);
  }
}
