// Which faults to try: each fault that a call can meet, at each step of a run.

import type { Fault, Launch, Step } from './run.ts';

const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const ENOMEM = 12;
const EACCES = 13;
const ENOENT = 2;
const ENFILE = 23;
const EMFILE = 24;
const EFBIG = 27;
const ENOSPC = 28;
const EROFS = 30;
const EPIPE = 32;
const ECONNABORTED = 103;
const ECONNRESET = 104;
const ENOTCONN = 107;
const ECONNREFUSED = 111;

/** The errors of calls, and those of them that stay once they have come. */
const ERRORS: Readonly<Record<string, readonly [once: readonly number[], lasting: readonly number[]]>> = {
  read: [
    [EIO, EINTR, EAGAIN, ECONNRESET],
    [EIO, ECONNRESET],
  ],
  write: [
    [EIO, EINTR, EAGAIN, EPIPE, ECONNRESET, ENOSPC, EFBIG],
    [EIO, EPIPE, ENOSPC],
  ],
  open: [
    [EMFILE, ENFILE, EACCES, EINTR, ENOENT, ENOSPC, EIO],
    [EMFILE, EACCES],
  ],
  close: [[EIO, EINTR, ENOSPC], [EIO]],
  stat: [[EIO, EACCES], [EIO]],
  readlink: [[EIO, EACCES, ENOENT], [EACCES]],
  fork: [[EAGAIN, ENOMEM], [EAGAIN]],
  socket: [[EMFILE, ENFILE], [EMFILE]],
  connect: [[ECONNREFUSED, EAGAIN, EINTR, EMFILE], [ECONNREFUSED]],
  bind: [[EACCES, EIO, ENOSPC], [EACCES]],
  listen: [[EIO], [EIO]],
  accept: [
    [EMFILE, ENFILE, ECONNABORTED, EINTR, EAGAIN],
    [EMFILE, ECONNABORTED],
  ],
  shutdown: [[ENOTCONN, EIO], [ENOTCONN]],
  sendmsg: [[EAGAIN, EINTR, EPIPE], [EPIPE]],
  recvmsg: [[EAGAIN, EINTR, ECONNRESET], [ECONNRESET]],
};
/** Those of calls that change files. */
const FILE_ERRORS = [[EACCES, EIO, ENOSPC, EROFS], [EROFS]] as const;

/** USR1 is left out, since Node takes it for a debugger. */
/** Signals by their numbers on x86 and ARM: HUP, INT, QUIT, KILL, USR2, PIPE, ALRM, TERM, CHLD, CONT, XCPU, XFSZ, WINCH. */
const SIGNALS = [1, 2, 3, 9, 12, 13, 14, 15, 17, 18, 24, 25, 28];
/** Signals that come when a call has just been made. */
const SIGNALS_AFTER = [1, 2, 9, 15];

/** How many steps that are one call on one thing get faults of their own. A long body is read and written by hundreds of them. */
const MAX_ALIKE = 8;

/** Leaves out those of many steps that are alike, but not the last one. */
export function differing(steps: readonly Step[]): Step[] {
  const groups = new Map<string, Step[]>();
  for (const step of steps) {
    const key = `${step.call} ${step.thing}`;
    const alike = groups.get(key);
    if (alike) alike.push(step);
    else groups.set(key, [step]);
  }
  return [...groups.values()].flatMap((alike) =>
    alike.length > MAX_ALIKE ? [...alike.slice(0, MAX_ALIKE - 1), ...alike.slice(-1)] : alike,
  );
}

/** Returns the faults that the call of `step` can meet in a scenario. */
export function faultsAt({ number, call, thing }: Step, { options, env, program }: Omit<Launch, 'faults'>): Fault[] {
  const faults: Fault[] = [];
  // Perl takes a script that it cannot read for an empty one.
  if (program === 'perl' && thing === 'file') return faults;
  const add = (kind: Fault['kind'], ...theArguments: readonly number[]) => {
    for (const argument of theArguments) faults.push({ step: number, kind, argument, call });
  };
  // Linux gives such errors for files on a network only, and Node aborts where it has one for a file or a socket of its own.
  const isOwn = call === 'close' && !thing.startsWith('std');
  const [once, lasting] = isOwn ? [[EINTR], []] : (ERRORS[call] ?? FILE_ERRORS);
  // A server that reads nothing before its whole request is taken would wait for ever for a script that cannot read it. No
  // server lives on behind a descriptor that has failed.
  const isAwaited = options.includes('first') && call === 'read' && thing === 'stdin';
  // A log that is full and that nobody reads blocks a script that cannot open it anew, as one of another user.
  // So does it when the script cannot be loaded; then Node writes the message.
  const isFull = options.includes('mute') && ((thing === 'stderr' && call !== 'write') || number <= 2);
  add('error', ...(isAwaited ? [EINTR, EAGAIN] : isFull ? [] : once));
  // A number that has just become free can be filled again. Otherwise libuv aborts where it gets it for something of its own.
  const isRefilled = call === 'open' && thing === '/dev/null';
  if (!isAwaited && !isFull && !isRefilled) add('fail', ...lasting);
  if (call === 'read' || call === 'write') {
    add('short', 1);
    add('shorts', 7);
  }
  // The end of a body of unknown length is its end.
  const isEnd = thing === 'stdin' && env.CONTENT_LENGTH === '';
  if (call === 'read' && !isAwaited && !isFull && !isEnd) add('eof', 0);
  add('signal', ...SIGNALS);
  add('after', ...SIGNALS_AFTER);
  if (options.includes('server')) add('parent', 0);
  return faults;
}

/** Returns faults as fault.c takes them: "3:error:5,7:signal:15@write". */
export function faultText(faults: readonly Fault[]): string {
  return faults.map(({ step, kind, argument, call }) => `${step}:${kind}:${argument}${call ? `@${call}` : ''}`).join();
}
