// Reads the end of a web server's log, and says what its messages about a script mean.

import { closeSync, fstatSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { type Finding, quote } from '../finding.ts';
import { findCause } from '../log.ts';
import { openFile } from './facts.ts';

/** Bytes at the end of a log that are read. */
const TAIL = 256 * 1024;

/** Messages of Apache, lighttpd, nginx and suexec, and what they mean. The first that matches counts. */
const MESSAGES: readonly (readonly [RegExp, string])[] = [
  [/Exec format error/, 'the file has no #! line, or is an executable for another machine'],
  [
    /suexec policy violation|AH01276|cannot get docroot|target uid\/gid|is writable by others|not in docroot/,
    'suexec refuses the script: its owner, its group, its mode or its place',
  ],
  [
    /Permission denied.*exec of|exec of .*Permission denied|couldn't (?:spawn|create) child process: 13/i,
    "the server's user may not execute the script, its interpreter, or enter a folder above them",
  ],
  [
    /No such file or directory.*exec of|exec of .*No such file|couldn't (?:spawn|create) child process: 2/i,
    'the interpreter of the #! line does not exist, or the line ends in CRLF',
  ],
  [/Options ExecCGI is off/, 'CGI is off for the folder: Options +ExecCGI, or a ScriptAlias'],
  [/client denied by server configuration/, 'the configuration refuses the folder: Require all granted'],
  [/attempt to invoke directory as script/, 'the URL leads to a folder, not to a script'],
  [
    /script not found or unable to stat|stderr: .*script not found/,
    "the file does not exist, or the server's user cannot enter a folder above it",
  ],
  [
    /malformed header from script|Bad header|invalid header|sent invalid header|no colon in header/i,
    'the script wrote something before or in the head that is no header',
  ],
  [
    /Response header name .* contains invalid characters|header value contains/i,
    'the script wrote a header with characters that none may have',
  ],
  [/Timeout waiting for output|script timed out|upstream timed out/, 'the script did not answer in the time that the server gives it'],
  [/Cannot allocate memory|Resource temporarily unavailable/, 'the machine, or a limit of the server, had no room for another process'],
  [
    /End of script output before headers|Premature end of script headers|unexpected end-of-file|cgi process died|upstream prematurely closed/i,
    'the script ended without a whole head; lines near this one may say why',
  ],
];

/**
 * Returns a finding for each kind of message about `script` in the logs `paths`, the newest of its kind. Adds to `unseen` the logs that
 * this process may not read.
 */
export function readLogs(paths: readonly string[], script: string, unseen: string[]): Finding[] {
  const findings = new Map<string, Finding>();
  for (const path of paths) {
    const text = readTail(path);
    if (text === undefined) {
      unseen.push(`This process may not read the log ${path}. For what it says: sudo grep -F -- ${quote(basename(script))} ${quote(path)}`);
      continue;
    }
    const lines = text.split('\n').filter((line) => line.includes(basename(script)) || /AH01215|AH01241/.test(line));
    for (const line of lines.slice(-200)) {
      const found = MESSAGES.find(([pattern]) => pattern.test(line));
      const cause = found ? undefined : findCause(line, script);
      const meaning = found?.[1] ?? cause?.problem;
      if (meaning === undefined) continue;
      // A client may have written the line, so that no command is made of it.
      const advice = (cause?.mend ?? []).filter((mend) => 'change' in mend);
      findings.set(meaning, {
        code: 'log-says',
        severity: 'note',
        subject: path,
        problem: cause ? meaning : `The log has this message about the script. It means: ${meaning}.`,
        mend:
          advice.length > 0
            ? advice
            : [{ change: 'If no other finding names the cause, look at the time of the line: it may be mended already.' }],
        evidence: line.slice(0, 300),
      });
    }
  }
  return [...findings.values()];
}

/** Returns the end of a regular file; undefined where it is none, or where this process cannot read it. */
function readTail(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openFile(path);
    const start = Math.max(0, fstatSync(file).size - TAIL);
    const buffer = Buffer.alloc(TAIL);
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, TAIL, start));
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
