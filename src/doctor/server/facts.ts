// What is known about the web server that runs a script: out of its configuration and its processes.

import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { Finding } from '../finding.ts';

export const SERVER_NAMES = ['apache', 'lighttpd', 'busybox', 'nginx'] as const;

export type ServerName = (typeof SERVER_NAMES)[number];

/** Limits that a process of the server passes on to scripts; undefined is no limit. */
export interface Limits {
  /** Bytes of address space (RLIMIT_AS). */
  addressSpace?: number | undefined;
  /** Processes and threads of one user (RLIMIT_NPROC). */
  processes?: number | undefined;
}

export interface ServerFacts {
  name?: ServerName;
  /** The PATH that scripts get; null where they get none, and undefined where that is not known. */
  path?: string | null | undefined;
  /** Whether scripts get the header Authorization; undefined where that is not known. */
  passesAuthorization?: boolean | undefined;
  /** The name of the user that scripts run as. */
  user?: string | undefined;
  /** Whether scripts are started by suexec, as `user`. */
  suexec?: boolean;
  /** The program that the server starts with the path of the script; the #! line has no effect then. */
  interpreter?: string | undefined;
  limits: Limits;
  /** The paths of the server's logs. */
  logs: string[];
}

export const UNKNOWN_SERVER: ServerFacts = { limits: {}, logs: [] };

/** What the configuration of a server says about one script. */
export interface ServerReading {
  facts: ServerFacts;
  findings: Finding[];
  /** Sentences about what could not be looked at. */
  unseen: string[];
}

/** Bytes of a configuration file that are read. */
const MAX_TEXT = 4 * 1024 * 1024;

/** Returns the first 4 MiB of a regular file as text; undefined where it is none, or where this process cannot read it. */
export function readText(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openFile(path);
    const blocks: Buffer[] = [];
    // The size of a file in /proc is 0, so that only reading it tells its end.
    for (let length = 0; length < MAX_TEXT; ) {
      const block = Buffer.alloc(64 * 1024);
      const count = readSync(file, block);
      if (count === 0) break;
      blocks.push(block.subarray(0, count));
      length += count;
    }
    return Buffer.concat(blocks).toString('utf8');
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Returns the text of a configuration file; undefined where the configuration has it already, or where this process cannot read it. */
export type ConfigurationReader = (path: string) => string | undefined;

/** Returns a reader for one configuration. It adds a sentence to `unseen` for each file that this process cannot read. */
export function configurationReader(unseen: string[]): ConfigurationReader {
  const seen = new Set<string>();
  return (path) => {
    if (seen.has(path) || seen.size > 1000) return undefined;
    seen.add(path);
    const text = readText(path);
    if (text === undefined) unseen.push(`This process may not read ${path}, a part of the server's configuration.`);
    return text;
  };
}

/** Opens a regular file to read it. Throws for any other, and does not wait for somebody who writes to a FIFO. */
export function openFile(path: string): number {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new Error(`${path} is no regular file`);
}

/** Returns the files that `pattern` names, which may have "*" and "?" in any of its parts; sorted, as servers include them. */
export function expand(pattern: string): string[] {
  if (!/[*?]/.test(pattern)) return existsSync(pattern) ? filesIn(pattern) : [];
  const parts = pattern.split('/').filter((part) => part !== '');
  let paths = ['/'];
  for (const part of parts) {
    const source = part
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    const matches = new RegExp(`^${source}$`);
    paths = paths.flatMap((folder) => {
      if (!/[*?]/.test(part)) return [join(folder, part)].filter((path) => existsSync(path));
      return list(folder)
        .filter((name) => matches.test(name) && !name.startsWith('.'))
        .map((name) => join(folder, name));
    });
  }
  return paths.sort().flatMap(filesIn);
}

function filesIn(path: string): string[] {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? list(path)
        .sort()
        .map((name) => join(path, name))
    : [path];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Returns `path` as an absolute path below `root`. */
export function below(root: string, path: string): string {
  return isAbsolute(path) ? path : join(root, path);
}

/** Whether `path`, or what it leads to, is `folder` or lies in it. */
export function isIn(folder: string, path: string): boolean {
  const start = folder.endsWith('/') ? folder : `${folder}/`;
  return [path, withRealFolder(path)].some((one) => `${one}/` === start || one.startsWith(start));
}

function withRealFolder(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

/** Returns the limits and the PATH of a running process; a limit that is not known is none. */
export function readProcess(pid: number): { limits: Limits; path: string | null | undefined } {
  const text = readText(`/proc/${pid}/limits`) ?? '';
  const limit = (name: string) => {
    const [, soft] = new RegExp(`^${name} +(\\d+)`, 'm').exec(text) ?? [];
    return soft === undefined ? undefined : Number(soft);
  };
  const environment = readText(`/proc/${pid}/environ`);
  const path = environment?.split('\0').find((variable) => variable.startsWith('PATH='));
  // A process that has changed its title may have covered its environment.
  return { limits: { addressSpace: limit('Max address space') }, path: path?.slice(5) };
}
