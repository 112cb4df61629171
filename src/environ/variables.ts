// The environment as byte strings: what the web server put there, not what Node made of it.

import { fs } from '../fs.ts';

/** Variables by name, both byte strings: each character is one byte (ISO-8859-1). */
export type Variables = Record<string, string>;

export interface ProcessVariables {
  variables: Variables;
  /** Names of the variables that held bytes which could not be recovered. */
  lossy: string[];
}

/** Returns the variables of this process, byte for byte where the system tells. */
export function processVariables(): ProcessVariables {
  return exactVariables(process.env, environmentBlock());
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
  for (const name of Object.keys(env)) {
    const value = env[name];
    if (value === undefined) continue;
    const found = raw?.get(name);
    if (found !== undefined && (found.first === value || decode(found.first) === value)) {
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
  joined: string;
}

// nginx with fcgiwrap and civetweb give each of two headers of one name a variable of its own.
function parseBlock(block: string): Map<string, Found> {
  const variables = new Map<string, Found>();
  for (const entry of block.split('\0')) {
    const equals = entry.indexOf('=');
    if (equals <= 0) continue;
    const name = entry.slice(0, equals);
    const value = entry.slice(equals + 1);
    const earlier = variables.get(name);
    if (earlier === undefined) variables.set(name, { first: value, joined: value });
    else if (name === 'HTTP_COOKIE') earlier.joined += `; ${value}`;
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
