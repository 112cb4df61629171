// Accounts of the system: the user that a web server runs scripts as, and what that user may do with a file.

import { type SpawnOptions, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, type Stats, statSync } from 'node:fs';

export interface Account {
  name: string;
  uid: number;
  gid: number;
  /** All groups of the user, its first one included. */
  groups: readonly number[];
}

/** Returns the account called `name`, or with that number; undefined where there is none. */
export function findAccount(name: string): Account | undefined {
  const ask = (option: string) => spawnSync('id', [option, '--', name], { encoding: 'utf8' });
  const [uid, gid, groups, user] = ['-u', '-g', '-G', '-un'].map(ask);
  if (uid?.status !== 0 || gid?.status !== 0) return undefined;
  return {
    name: user?.stdout.trim() || name,
    uid: Number(uid.stdout),
    gid: Number(gid.stdout),
    groups: (groups?.stdout ?? '').trim().split(/\s+/).map(Number),
  };
}

/** Returns the account of this process. */
export function ownAccount(): Account {
  const uid = process.getuid?.() ?? 0;
  return findAccount(String(uid)) ?? { name: String(uid), uid, gid: process.getgid?.() ?? 0, groups: process.getgroups?.() ?? [] };
}

/** Names of the processes that web servers run as. */
const SERVER_PROCESSES = /^(?:apache2|httpd|lighttpd|nginx|fcgiwrap|caddy|h2o|mini_httpd|thttpd|uwsgi|litespeed)$/;
/** The accounts of web servers in Debian, Fedora, Arch, SUSE and elsewhere. */
const SERVER_ACCOUNTS = ['www-data', 'apache', 'http', 'wwwrun', 'www', 'nginx', 'lighttpd'];

export interface ServerProcess {
  pid: number;
  name: string;
  uid: number;
}

/** Returns the processes of web servers that run now. Those that are not root's come first. */
export function serverProcesses(): ServerProcess[] {
  const found: ServerProcess[] = [];
  for (const pid of listFolder('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      if (SERVER_PROCESSES.test(name)) found.push({ pid: Number(pid), name, uid: statSync(`/proc/${pid}`).uid });
    } catch {
      // The process has ended in the meantime.
    }
  }
  return found.sort((one, other) => Number(one.uid === 0) - Number(other.uid === 0));
}

/** Returns the account that a web server of this machine most likely has; undefined where nothing tells. */
export function guessServerAccount(): Account | undefined {
  const running = serverProcesses().find(({ uid }) => uid !== 0);
  if (running) return findAccount(String(running.uid));
  return SERVER_ACCOUNTS.map(findAccount).find((account) => account !== undefined);
}

/** Whether this process can take on `account`, or has it already. */
export function canBecome(account: Account): boolean {
  const uid = process.getuid?.();
  return uid === 0 || uid === account.uid;
}

/** Returns the command and the options of `spawn` that run `argv` as `account`. Only root can run as somebody else. */
export function asAccount(account: Account, argv: readonly string[]): { command: string; args: string[]; options: SpawnOptions } {
  const [command = '', ...args] = argv;
  if (process.getuid?.() !== 0 || account.uid === 0) return { command, args, options: {} };
  const extra = account.groups.some((group) => group !== account.gid);
  if (extra && existsSync('/usr/bin/setpriv')) {
    const ids = ['--reuid', String(account.uid), '--regid', String(account.gid), '--groups', account.groups.join(',')];
    return { command: '/usr/bin/setpriv', args: [...ids, '--', ...argv], options: {} };
  }
  return { command, args, options: { uid: account.uid, gid: account.gid } };
}

const MODES = { r: constants.R_OK, w: constants.W_OK, x: constants.X_OK } as const;

/**
 * Whether `account` may read, write or execute `path`. Asks the system where this process can be `account`; otherwise the mode
 * bits of `path` tell, and access lists are not seen.
 */
export function isAllowed(account: Account, path: string, permission: keyof typeof MODES): boolean {
  const uid = process.getuid?.();
  if (uid === 0 && account.uid !== 0) {
    const { command, args, options } = asAccount(account, ['/bin/sh', '-c', `test -${permission} "$1"`, 'sh', path]);
    return spawnSync(command, args, { ...options, cwd: '/', stdio: 'ignore', timeout: 5_000 }).status === 0;
  }
  if (uid === account.uid) {
    try {
      accessSync(path, MODES[permission]);
      return true;
    } catch {
      return false;
    }
  }
  try {
    return isAllowedByMode(account, statSync(path), permission);
  } catch {
    return true; // this process cannot see it, and says so elsewhere
  }
}

/** Whether the mode bits of a file allow it to `account`. */
export function isAllowedByMode(account: Account, stats: Stats, permission: keyof typeof MODES): boolean {
  if (account.uid === 0) return permission !== 'x' || stats.isDirectory() || (stats.mode & 0o111) !== 0;
  return ((stats.mode >> { u: 6, g: 3, o: 0 }[classOf(account, stats)]) & MODES[permission]) !== 0;
}

/** Returns which of the three classes of mode bits count for `account`: those of the owner, the group, or others. */
export function classOf(account: Account, stats: Stats): 'u' | 'g' | 'o' {
  if (stats.uid === account.uid) return 'u';
  return account.groups.includes(stats.gid) ? 'g' : 'o';
}

/** Returns the name of the user `uid`, or the number where it has no name. */
export function userName(uid: number): string {
  return nameIn('/etc/passwd', uid);
}

/** Returns the name of the group `gid`, or the number where it has no name. */
export function groupName(gid: number): string {
  return nameIn('/etc/group', gid);
}

function nameIn(file: string, id: number): string {
  const line = readLines(file).find((entry) => entry.split(':')[2] === String(id));
  return line?.split(':')[0] ?? String(id);
}

/** Returns the user whose home folder `folder` is; undefined for a folder that is nobody's home. */
export function homeOwner(folder: string): string | undefined {
  const homes = readLines('/etc/passwd').map((entry) => entry.split(':'));
  return homes.find(([, , uid, , , home]) => home === folder && (uid === '0' || Number(uid) >= 1000))?.[0];
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
