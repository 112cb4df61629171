// Starts a process with exact bytes in its arguments and its environment. Node encodes both as UTF-8. Bytes that are not UTF-8,
// which a path or a header may hold, are passed through a shell.

import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Variables } from '../environ/variables.ts';

/** A process to start. All strings are byte strings. */
export interface Command {
  /** The program, whose path has a "/" in it, and its arguments. */
  argv: readonly string[];
  /** The folder in which it runs. */
  folder: string;
  /** Its whole environment. Names consist of letters, digits and "_". */
  variables: Readonly<Variables>;
}

/**
 * Starts a process as the leader of a process group of its own, with pipes for its standard streams; without `hasInput` its
 * standard input is empty. Throws, or the process emits 'error', as with `spawn` of node:child_process.
 */
export function launch({ argv, folder, variables }: Command, hasInput: boolean): ChildProcess {
  // Loaded with the first request, because it takes a while.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const env: Record<string, string> = {};
  const inexact: string[] = [];
  for (const [name, bytes] of Object.entries(variables)) {
    const text = toText(bytes);
    if (text === undefined) inexact.push(name);
    else env[name] = text;
  }
  const options: SpawnOptions = { env, detached: true, stdio: [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe'] };
  const texts = [folder, ...argv].map(toText);
  if (inexact.length === 0 && texts.every((text) => text !== undefined)) {
    const [cwd, program = '', ...args] = texts;
    return spawn(program, args, { ...options, cwd });
  }
  const assignments = inexact.map((name) => `${name}=${shellWord(variables[name] ?? '')}; export ${name}="\${${name}%.}"; `);
  const parameters = [folder, ...argv].map(shellWord).join(' ');
  const command = argv.map((_argument, at) => `"\${${at + 2}%.}"`).join(' ');
  // The shell exports PWD and OLDPWD, which are no variables of the request.
  const script = `${assignments.join('')}set -- ${parameters}; cd "\${1%.}" && unset PWD OLDPWD && exec ${command}`;
  return spawn('/bin/sh', ['-c', script], { ...options, cwd: '/' });
}

/** Returns the text that Node encodes as exactly `bytes`; undefined if there is none. */
function toText(bytes: string): string | undefined {
  const buffer = Buffer.from(bytes, 'latin1');
  const text = buffer.toString('utf8');
  return Buffer.from(text).equals(buffer) ? text : undefined;
}

/**
 * Returns a word of shell code that expands to `bytes` and a dot. The dot protects newlines at the end, which the shell would
 * remove. The code consists of digits and backslashes, whatever the bytes are.
 */
function shellWord(bytes: string): string {
  const octal = [...Buffer.from(bytes, 'latin1')].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`);
  return `"$(printf '${octal.join('')}.')"`;
}
