// The environment of this process as byte strings: as the web server set it, not as Node decoded it.

import { fs } from '../fs.ts';
import { decodeUtf8, encodeUtf8, isAscii } from './byte-string.ts';
import { joinRepeated } from './repeated-headers.ts';

/** Variables by name. Names and values are byte strings: each character is one byte (ISO-8859-1). */
export type Variables = Record<string, string>;

export interface ProcessVariables {
  variables: Variables;
  /** The names of variables with bytes that Node lost and that could not be recovered. */
  lossy: string[];
}

/**
 * The variable in which the shell line of a built file leaves the whole environment, each variable with a "\n" behind it, when
 * the server gives two variables of one name: a shell passes on only one of them.
 */
const BEFORE_THE_SHELL = 'RUN_WITH_CGI_ENVIRON';

/** Returns the variables of this process, byte for byte where the system shows them. */
export function processVariables(): ProcessVariables {
  const found = exactVariables(process.env, environmentBlock());
  delete process.env[BEFORE_THE_SHELL];
  return found;
}

/**
 * Returns the variables of `env`, which is process.env, with the bytes of `block`, which is the environment as the process got
 * it: byte strings with a NUL after each. process.env decodes UTF-8, replaces every byte that is no UTF-8 by U+FFFD, and has
 * only the first of two variables of one name. Variables that the program has changed in `env` keep their new values.
 */
export function exactVariables(env: Readonly<Record<string, string | undefined>>, block: string | undefined): ProcessVariables {
  const variables: Variables = Object.create(null);
  const lossy: string[] = [];
  const original = block === undefined ? undefined : parseBlock(block);
  const beforeShell = original?.get(BEFORE_THE_SHELL);
  const repeated = beforeShell && parseBlock(beforeShell.first, '\n');
  for (const name of Object.keys(env)) {
    const value = env[name];
    if (value === undefined || name === BEFORE_THE_SHELL) continue;
    const repeatedValue = repeated?.get(name);
    const found = repeatedValue?.last === undefined ? original?.get(name) : repeatedValue;
    if (found !== undefined && (isSame(found.first, value) || isSame(found.last, value))) {
      variables[name] = found.joined;
    } else {
      variables[name] = encodeUtf8(value);
      if (value.includes('\ufffd')) lossy.push(name);
    }
  }
  return { variables, lossy };
}

/** The values that an environment gives one variable, which it may set several times. */
interface VariableValues {
  /** The first value, which process.env shows. */
  first: string;
  /** The last value, which process.env shows behind a shell; undefined if there is only one. */
  last: string | undefined;
  /** All values, joined as those of one header. */
  joined: string;
}

function isSame(bytes: string | undefined, value: string): boolean {
  return bytes !== undefined && (bytes === value || decodeUtf8(bytes) === value);
}

/**
 * Parses an environment whose variables each have `end` behind them. nginx with fcgiwrap and civetweb give each of two headers
 * of one name a variable of its own.
 */
function parseBlock(block: string, end = '\0'): Map<string, VariableValues> {
  const variables = new Map<string, VariableValues>();
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
    if (name.startsWith('HTTP_')) earlier.joined = joinRepeated(name, earlier.joined, value);
  }
  return variables;
}

/** Returns the environment as a byte string, each variable with a NUL behind it; undefined if the system does not show it. */
export function environmentBlock(path = '/proc/self/environ'): string | undefined {
  try {
    // Reading it as UTF-8 is ten times faster, and loses nothing if all of it is ASCII.
    const text = fs.readFileSync(path, 'utf8');
    return isAscii(text) ? text : fs.readFileSync(path, 'latin1');
  } catch {
    return undefined; // not Linux, or a host that hides /proc
  }
}
