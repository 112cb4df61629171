// The environment as byte strings: what the web server put there, not what Node made of it.

import { fs } from '../fs.ts';

/** Variables by name, both byte strings: each character is one byte (ISO-8859-1). */
export type Variables = Record<string, string>;

export interface ProcessVariables {
  variables: Variables;
  /** Names of the variables that held bytes which could not be recovered. */
  lossy: string[];
}

/** A built file's shell leaves here what it would lose: all variables, those of one name too, each with a "\n" behind it. */
const BEFORE_THE_SHELL = 'RUN_WITH_CGI_ENVIRON';

/** Returns the variables of this process, byte for byte where the system tells. */
export function processVariables(): ProcessVariables {
  const found = exactVariables(process.env, environmentBlock());
  delete process.env[BEFORE_THE_SHELL];
  return found;
}

/**
 * process.env decodes UTF-8, which turns every other byte into U+FFFD, and knows only the first of two
 * variables of one name. `block` is the environment as it came, byte strings with a NUL after each.
 * What the program has changed in process.env since then counts all the same.
 */
export function exactVariables(env: Readonly<Record<string, string | undefined>>, block: string | undefined): ProcessVariables {
  const variables: Variables = Object.create(null);
  const lossy: string[] = [];
  const raw = block === undefined ? undefined : parseBlock(block);
  const before = raw?.get(BEFORE_THE_SHELL);
  const doubles = before && parseBlock(before.first, '\n');
  for (const name of Object.keys(env)) {
    const value = env[name];
    if (value === undefined || name === BEFORE_THE_SHELL) continue;
    const double = doubles?.get(name);
    const found = double?.last === undefined ? raw?.get(name) : double;
    if (found !== undefined && (isSame(found.first, value) || isSame(found.last, value))) {
      variables[name] = found.joined;
    } else {
      variables[name] = encode(value);
      if (value.includes('\ufffd')) lossy.push(name);
    }
  }
  return { variables, lossy };
}

interface Found {
  /** The one that process.env shows. */
  first: string;
  /** The one that it shows behind a shell; undefined where there is only one. */
  last: string | undefined;
  joined: string;
}

function isSame(bytes: string | undefined, value: string): boolean {
  return bytes !== undefined && (bytes === value || decode(bytes) === value);
}

// nginx with fcgiwrap and civetweb give each of two headers of one name a variable of its own.
function parseBlock(block: string, end = '\0'): Map<string, Found> {
  const variables = new Map<string, Found>();
  for (const entry of block.split(end)) {
    const equals = entry.indexOf('=');
    if (equals <= 0) continue;
    const name = entry.slice(0, equals);
    const value = entry.slice(equals + 1);
    const earlier = variables.get(name);
    if (earlier === undefined) {
      variables.set(name, { first: value, last: undefined, joined: value });
      continue;
    }
    earlier.last = value;
    if (name === 'HTTP_COOKIE') earlier.joined += `; ${value}`;
    else if (name.startsWith('HTTP_')) earlier.joined += `, ${value}`;
  }
  return variables;
}

/** The variables as a byte string, each with a NUL behind it; undefined where the system does not tell. */
export function environmentBlock(path = '/proc/self/environ'): string | undefined {
  try {
    // As text is ten times faster, and loses nothing while all of it is ASCII.
    const text = fs.readFileSync(path, 'utf8');
    return isAscii(text) ? text : fs.readFileSync(path, 'latin1');
  } catch {
    return undefined; // not Linux, or a host that hides /proc
  }
}

function decode(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

function encode(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** In UTF-8 every other character takes more than one byte. */
function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}
