// Examines the way to a script: every folder above it, the file's own mode, the mount it lies on, and the rules of suexec.

import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Account, classOf, groupName, homeOwner, isAllowed, isAllowedByMode, userName } from './account.ts';
import type { Deployment } from './deployment.ts';
import { type Finding, quote } from './finding.ts';
import { mountOf } from './mounts.ts';

/** The least number of a user and of a group for which suexec runs scripts: AP_UID_MIN and AP_GID_MIN, as Debian sets them. */
const SUEXEC_MIN = 100;

/** Returns what is wrong with the way to the script, outermost folder first. */
export function examineWay({ path, account, start, suexec, server }: Deployment): Finding[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  const findings: Finding[] = [];
  // Behind a closed folder the system refuses everything, so that only mode bits tell whether a folder is closed itself.
  for (const folder of foldersAbove(path)) findings.push(...examineFolder(folder, account, findings.length > 0));
  if (!stats) return findings;
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a folder' : 'no regular file';
    const problem = `A web server executes one file, and this is ${kind}.`;
    return [
      ...findings,
      { code: 'file-not-regular', severity: 'fails', subject: path, problem, mend: [{ change: 'Name the script itself.' }] },
    ];
  }
  if (server.interpreter === undefined) findings.push(...examineMount(path));
  const isBlocked = findings.length > 0;
  if (!isBlocked) findings.push(...examineMode(path, stats, account, start, server.interpreter !== undefined));
  findings.push(...(suexec ? examineSuexec(path, stats, account) : examineWriters(path, stats)));
  if (stats.mode & 0o6000) {
    findings.push({
      code: 'setuid-ignored',
      severity: suexec ? 'fails' : 'note',
      subject: path,
      problem: `The mode is ${modeOf(stats)}, with the setuid or setgid bit. Linux ignores that bit for scripts, and suexec refuses a file that has it.`,
      mend: [{ run: `chmod ug-s ${quote(path)}` }],
    });
  }
  return findings;
}

/** Returns the mode bits of a file as chmod takes them: "755". */
export function modeOf(stats: Stats): string {
  return (stats.mode & 0o7777).toString(8).padStart(3, '0');
}

/** Returns all folders that a process passes on its way to `path`, as it is written and where its links lead; outermost first. */
function foldersAbove(path: string): string[] {
  const folders = new Set<string>();
  const add = (file: string) => {
    const above: string[] = [];
    for (let folder = dirname(file); ; folder = dirname(folder)) {
      above.unshift(folder);
      if (folder === '/' || folder === '.') break;
    }
    for (const folder of above) folders.add(folder);
  };
  add(path);
  try {
    add(realpathSync(path));
  } catch {
    // The script is behind a folder that this process cannot enter, or a link that leads nowhere.
  }
  return [...folders];
}

function examineFolder(folder: string, account: Account, isBehindAnother: boolean): Finding[] {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (!stats || (isBehindAnother ? isAllowedByMode(account, stats, 'x') : isAllowed(account, folder, 'x'))) return [];
  const owner = homeOwner(folder);
  const rule = `${account.name} may not enter the folder${owner === undefined ? '' : `, the home of ${owner}`}: its mode is ${modeOf(stats)}, its owner ${userName(stats.uid)}:${groupName(stats.gid)}.`;
  const mend = [{ run: `chmod ${classOf(account, stats)}+x ${quote(folder)}` }];
  const elsewhere = { change: 'Or keep the script and all that it needs outside of home folders, below /srv or /var/www for instance.' };
  return [
    {
      code: 'folder-not-entered',
      severity: 'fails',
      subject: folder,
      problem: `${rule} A server needs the permission x on every folder above a script.`,
      mend: owner === undefined ? mend : [...mend, elsewhere],
    },
  ];
}

function examineMount(path: string): Finding[] {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return [];
  }
  const mount = mountOf(real);
  if (!mount?.options.includes('noexec')) return [];
  return [
    {
      code: 'mount-noexec',
      severity: 'fails',
      subject: mount.point,
      problem: `The file system is mounted with the option noexec, so Linux executes no file on it, whatever the mode of the file is. The script ${real} lies there.`,
      mend: [{ change: 'Put the script on another file system, or let root do:' }, { run: `mount -o remount,exec ${quote(mount.point)}` }],
    },
  ];
}

function examineMode(path: string, stats: Stats, account: Account, start: string, isOnlyRead: boolean): Finding[] {
  const owned = `its mode is ${modeOf(stats)}, its owner ${userName(stats.uid)}:${groupName(stats.gid)}`;
  const mend = [{ run: `chmod 755 ${quote(path)}` }];
  if (!isOnlyRead && !isAllowed(account, path, 'x')) {
    const problem = `${account.name} may not execute the file: ${owned}. A server executes a script as a program, so its user needs the permission x.`;
    return [{ code: 'file-not-executable', severity: 'fails', subject: path, problem, mend }];
  }
  // The system reads an ELF file itself; a script is read by its interpreter, as the same user.
  if (start.startsWith('\x7fELF') || isAllowed(account, path, 'r')) return [];
  const problem = `${account.name} may not read the file: ${owned}. The interpreter of a script runs as the server's user and has to read the script.`;
  return [{ code: 'file-not-readable', severity: 'fails', subject: path, problem, mend }];
}

/** Returns what suexec refuses: it looks at the script and at the folder in which the script lies. */
function examineSuexec(path: string, stats: Stats, account: Account): Finding[] {
  const findings: Finding[] = [];
  if (account.uid < SUEXEC_MIN || account.gid < SUEXEC_MIN) {
    findings.push({
      code: 'suexec-owner',
      severity: 'fails',
      subject: path,
      problem: `suexec would run the script as ${account.name} (user ${account.uid}, group ${account.gid}). It starts nothing for a user or a group of the system, whose numbers are below ${SUEXEC_MIN}.`,
      mend: [{ change: `Give ${path} and its folder to the user of the site, and to the group of that user.` }],
    });
  }
  for (const [file, status] of withFolder(path, stats)) {
    if (status.mode & 0o022) {
      findings.push({
        code: 'suexec-writable',
        severity: 'fails',
        subject: file,
        problem: `The mode is ${modeOf(status)}. suexec starts no script that the group or others may write to, or whose folder they may write to.`,
        mend: [{ run: `chmod go-w ${quote(file)}` }],
      });
    }
    if (status.uid !== account.uid || status.gid !== account.gid) {
      const wanted = `${account.name}:${groupName(account.gid)}`;
      findings.push({
        code: 'suexec-owner',
        severity: 'fails',
        subject: file,
        problem: `The owner is ${userName(status.uid)}:${groupName(status.gid)}. suexec demands that the script and its folder belong to the user and the group that the script runs as, ${wanted}.`,
        mend: [{ run: `chown ${wanted} ${quote(file)}` }],
      });
    }
  }
  return findings;
}

/** Returns a finding where all users of the machine may write to the script. */
function examineWriters(path: string, stats: Stats): Finding[] {
  const isSticky = (status: Stats) => (status.mode & 0o1000) !== 0;
  return withFolder(path, stats)
    .filter(([, status]) => status.mode & 0o002 && !(status.isDirectory() && isSticky(status)))
    .map(([file, status]) => ({
      code: 'writable-by-others',
      severity: 'may-fail',
      subject: file,
      problem: `The mode is ${modeOf(status)}, so every user of this machine may ${status.isDirectory() ? 'put another script in the place of this one' : 'change the script'}. Hosts with suexec, which are most shared hosts, refuse to start it.`,
      mend: [{ run: `chmod ${status.isDirectory() || status.mode & 0o111 ? 755 : 644} ${quote(file)}` }],
    }));
}

function withFolder(path: string, stats: Stats): [string, Stats][] {
  const folder = dirname(path);
  return [
    [folder, statSync(folder)],
    [path, stats],
  ];
}
