// Starts a process with exactly the bytes it is to have. Node encodes whatever it puts into a command or
// an environment as UTF-8; bytes that are not UTF-8, which a path or a header may hold, get there by a shell.

import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Variables } from '../environ/variables.ts';

/** All strings are byte strings. */
export interface Command {
  /** The program, with "/" in its path, and its arguments. */
  words: readonly string[];
  /** Where it runs. */
  folder: string;
  /** Its whole environment; names are [A-Za-z0-9_]+. */
  variables: Readonly<Variables>;
}

/**
 * Starts `command` as the leader of a process group of its own, with pipes for its standard streams, but
 * no input unless it `hasInput`. Throws, or the process emits 'error', as `spawn` of node:child_process.
 */
export function launch({ words, folder, variables }: Command, hasInput: boolean): ChildProcess {
  // It takes a while to load, and belongs to what happens when a request is here.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const env: Record<string, string> = {};
  const inexact: string[] = [];
  for (const [name, bytes] of Object.entries(variables)) {
    const text = toText(bytes);
    if (text === undefined) inexact.push(name);
    else env[name] = text;
  }
  const options: SpawnOptions = { env, detached: true, stdio: [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe'] };
  const texts = [folder, ...words].map(toText);
  if (inexact.length === 0 && texts.every((text) => text !== undefined)) {
    const [cwd, program = '', ...args] = texts;
    return spawn(program, args, { ...options, cwd });
  }
  const assignments = inexact.map((name) => `${name}=${printed(variables[name] ?? '')}; export ${name}="\${${name}%.}"; `);
  const parameters = [folder, ...words].map(printed).join(' ');
  const command = words.map((_word, at) => `"\${${at + 2}%.}"`).join(' ');
  // The shell exports the folder that it is in.
  const script = `${assignments.join('')}set -- ${parameters}; cd "\${1%.}" && unset PWD OLDPWD && exec ${command}`;
  return spawn('/bin/sh', ['-c', script], { ...options, cwd: '/' });
}

/** `bytes` as the text that Node makes exactly these bytes of; undefined when there is none. */
function toText(bytes: string): string | undefined {
  const buffer = Buffer.from(bytes, 'latin1');
  const text = buffer.toString('utf8');
  return Buffer.from(text).equals(buffer) ? text : undefined;
}

/**
 * A word for the shell that stands for `bytes` and a dot: the dot keeps newlines at the end, which the
 * shell would take off. Whatever the bytes are, the shell sees digits and backslashes only.
 */
function printed(bytes: string): string {
  const octal = [...Buffer.from(bytes, 'latin1')].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`);
  return `"$(printf '${octal.join('')}.')"`;
}
