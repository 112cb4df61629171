// Examines how the system starts a script: the format of the file, its #! line, and the interpreter that the line names.

import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isFile } from '../file-type.ts';
import { parseShebang, type Shebang } from '../host/shebang.ts';
import { homeOwner, isAllowed } from './account.ts';
import type { Deployment, Program } from './deployment.ts';
import { readElf, runsHere } from './elf.ts';
import { decodeBytes, type Finding, type FindingCode, type Mend, quote } from './finding.ts';
import { mountOf } from './mounts.ts';

/** Bytes of a #! line that Linux reads; before version 5.1 it read 127. */
const MAX_LINE = 255;
/** Folders in which interpreters are looked for, beside those of this process's own PATH. */
const USUAL_FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin', '/opt/node/bin', '/snap/bin'];
/** The beginning of a file of `run-with-cgi build` whose lines end in CRLF. */
const BUILT_WITH_CRLF = /^#![^\n]*\r\n(?:":" \/\/;|"0" && 1 \/\*0;)/;
/** The folders that the C library takes where there is no PATH. */
const FOLDERS_WITHOUT_PATH = ['/bin', '/usr/bin'];

export interface Start {
  findings: Finding[];
  /** The program that reads the script; undefined for an executable, and where the #! line names none. */
  program: Program | undefined;
}

/** Returns what keeps the system from starting the script, and the program that it starts. */
export function examineStart(deployment: Deployment): Start {
  const { path, start } = deployment;
  const fault = (code: FindingCode, problem: string, ...mend: Mend[]): Start => ({
    findings: [{ code, severity: 'fails', subject: path, problem, mend }],
    program: undefined,
  });
  const { interpreter: configured } = deployment.server;
  if (configured !== undefined) {
    return { findings: examineProgram(deployment, configured, configured), program: { name: basename(configured), path: configured } };
  }
  if (start === '') {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 1) > 0) return { findings: [], program: undefined };
    return fault('file-empty', 'The file is empty. An upload may have failed.', { change: 'Copy the script again.' });
  }
  if (start.startsWith('\x7fELF')) return { findings: examineElf(deployment, path), program: undefined };
  if (/^(?:\xff\xfe|\xfe\xff)/.test(start)) {
    return fault(
      'file-encoding',
      'The file is in UTF-16. Linux looks for the bytes "#!" at the beginning of a script, and interpreters read ASCII or UTF-8.',
      { run: `iconv -f UTF-16 -t UTF-8 ${quote(path)} >${quote(`${path}.new`)} && cat ${quote(`${path}.new`)} >${quote(path)}` },
    );
  }
  if (start.startsWith('\xef\xbb\xbf')) {
    return fault(
      'byte-order-mark',
      'The file begins with a byte-order mark, three bytes that some editors put before the text. Linux looks for "#!" in the first two bytes, so it finds no interpreter.',
      { run: `sed -i '1s/^\\xef\\xbb\\xbf//' ${quote(path)}` },
    );
  }
  const shebang = parseShebang(start);
  if (!shebang) return { findings: [withoutLine(deployment)], program: undefined };
  const line = start.split('\n')[0] ?? '';
  if (line.length > MAX_LINE) {
    return fault(
      'interpreter-line-too-long',
      `The first line is longer than ${MAX_LINE} bytes. Linux reads no more of it, and Linux before 5.1 only 127.`,
      { change: 'Make a link with a short path to the interpreter, and name that.' },
    );
  }
  const [interpreter = '', ...words] = shebang.words;
  if (shebang.endsInCrlf) {
    if (BUILT_WITH_CRLF.test(start)) {
      return fault(
        'interpreter-line-crlf',
        'The lines end in CRLF, as on Windows. The file is one of run-with-cgi build, and the copy has changed the bytes in it, too.',
        { change: 'Copy the file anew in binary mode, or build it on this machine.' },
      );
    }
    if (words.length > 0 && interpreter.startsWith('/') && basename(interpreter) !== 'env') {
      const { findings, program } = followLine(deployment, shebang);
      const problem = `The lines end in CRLF, as on Windows. Linux gives ${interpreter} the argument ${JSON.stringify(`${words.join(' ')}\r`)}, with the CR in it. Perl ignores that CR; most other interpreters refuse the argument.`;
      const mend = [{ run: `sed -i 's/\\r$//' ${quote(path)}` }];
      return { findings: [{ code: 'interpreter-line-crlf', severity: 'may-fail', subject: path, problem, mend }, ...findings], program };
    }
    return fault(
      'interpreter-line-crlf',
      `The lines end in CRLF, as on Windows. Linux takes the CR for a part of the last word, and there is no ${shebang.words.length > 1 ? `program "${shebang.program}\\r"` : `interpreter "${interpreter}\\r"`}.`,
      { run: `sed -i 's/\\r$//' ${quote(path)}` },
    );
  }
  if (interpreter === '') {
    return fault('interpreter-line-missing', 'The first line is "#!" and names no interpreter.', suggestLine(deployment));
  }
  if (/^["'`]/.test(interpreter)) {
    return fault(
      'interpreter-line-quoted',
      `The first line is ${line}. Linux takes quotes for a part of the path, and there is no file of that name. A path with a space cannot stand in a #! line at all.`,
      suggestLine(deployment, interpreter.replace(/["'`]/g, '')),
    );
  }
  if (!interpreter.startsWith('/')) {
    return fault(
      'interpreter-relative',
      `The first line names the interpreter ${interpreter}, which is no absolute path. Linux looks for it in the current folder of the server's process, and never in the PATH.`,
      suggestLine(deployment, interpreter),
    );
  }
  return followLine(deployment, shebang);
}

/** Returns what is wrong with the interpreter of a #! line whose form is right, and the program behind it. */
function followLine(deployment: Deployment, shebang: Shebang): Start {
  const [interpreter = '', ...words] = shebang.words;
  const findings = examineProgram(deployment, interpreter, interpreter);
  if (findings.length > 0) return { findings, program: undefined };
  if (basename(interpreter) !== 'env') return { findings, program: { name: shebang.program, path: interpreter } };
  const splits = words[0]?.startsWith('-S') || words[0]?.startsWith('--split-string') || words[0]?.startsWith('-vS');
  if (words.length > 1 && !splits) {
    const together = words.join(' ');
    findings.push({
      code: 'interpreter-arguments',
      severity: 'fails',
      subject: deployment.path,
      problem: `The first line is #!${shebang.words.join(' ')}. Linux passes all that stands behind the interpreter as one argument, so env looks for a program named "${together}".`,
      mend: [{ run: replaceLine(deployment.path, `${interpreter} -S ${together}`) }],
    });
    return { findings, program: undefined };
  }
  const name = shebang.program;
  if (name === '') return { findings, program: undefined };
  if (name.includes('/')) return { findings: examineProgram(deployment, name, name), program: { name: basename(name), path: name } };
  return lookUp(deployment, name);
}

/** Looks for the program `name` where the server's PATH leads. */
export function lookUp(deployment: Deployment, name: string): Start {
  const { account, path, server, start } = deployment;
  const folders = server.path === undefined ? USUAL_FOLDERS.slice(0, 3) : (server.path?.split(':') ?? FOLDERS_WITHOUT_PATH);
  const inServerPath = folders.map((folder) => join(folder, name)).filter(isFile);
  const usable = inServerPath.find((file) => isAllowed(account, file, 'x'));
  if (usable !== undefined) return { findings: examineProgram(deployment, usable, name), program: { name, path: usable } };
  const elsewhere = findProgram(name);
  const where =
    server.path === null
      ? 'The server gives no PATH to scripts, and without one env looks in /bin and /usr/bin'
      : `${server.path === undefined ? 'A server usually gives scripts' : 'The server gives scripts'} the PATH ${folders.join(':')}`;
  const refused = inServerPath[0] ?? elsewhere;
  if (refused === undefined) {
    const advice =
      name === 'python' && findProgram('python3')
        ? [{ run: replaceLine(path, lineFor(start, '/usr/bin/env python3')) }]
        : [installAdvice(name)];
    return {
      findings: [
        {
          code: 'interpreter-missing',
          severity: 'fails',
          subject: path,
          problem: `The first line asks env for ${name}, and this machine has no program of that name, neither in the server's PATH nor in that of this shell.`,
          mend: advice,
        },
      ],
      program: undefined,
    };
  }
  const blocked = examineProgram(deployment, refused, name);
  if (blocked.length > 0) return { findings: blocked, program: { name, path: refused } };
  return {
    findings: [
      {
        code: 'interpreter-not-in-path',
        severity: 'fails',
        subject: path,
        problem: `The first line asks env for ${name}. ${where}, and ${name} is not there. In this shell it is ${refused}.`,
        mend: [{ run: replaceLine(path, lineFor(start, refused)) }],
      },
    ],
    program: { name, path: refused },
  };
}

/** Returns what keeps the server's user from executing the program at `path`, which the #! line calls `name`. */
function examineProgram(deployment: Deployment, path: string, name: string): Finding[] {
  const { account } = deployment;
  const fault = (code: FindingCode, problem: string, ...mend: Mend[]): Finding[] => [
    { code, severity: 'fails', subject: code === 'interpreter-missing' ? deployment.path : path, problem, mend },
  ];
  const stats = statSync(path, { throwIfNoEntry: false });
  const closed = closedFolder(deployment, path);
  if (closed !== undefined) {
    const owner = homeOwner(closed);
    return fault(
      'interpreter-not-reachable',
      `The first line of the script leads to ${path}, and ${account.name} may not enter ${closed}${owner === undefined ? '' : `, the home of ${owner}`}. ${owner === undefined ? 'The' : 'Version managers such as nvm install there; the'} server's user has to reach the interpreter.`,
      ...otherProgram(deployment, path, name),
    );
  }
  if (!stats) {
    return fault(
      'interpreter-missing',
      `The first line names the interpreter ${path}, and there is no such file.`,
      suggestLine(deployment, path),
    );
  }
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a folder' : 'no program: it is neither a file nor a link to one';
    return fault('interpreter-missing', `The first line names the interpreter ${path}, which is ${kind}.`, suggestLine(deployment, path));
  }
  const mount = mountOf(realpath(path));
  if (mount?.options.includes('noexec')) {
    return fault(
      'mount-noexec',
      `The interpreter lies on ${mount.point}, which is mounted with the option noexec: Linux executes nothing there.`,
      {
        run: `mount -o remount,exec ${quote(mount.point)}`,
      },
    );
  }
  if (!isAllowed(account, path, 'x')) {
    return fault(
      'interpreter-not-reachable',
      `${account.name} may not execute the interpreter: its mode is ${(stats.mode & 0o777).toString(8)}.`,
      {
        run: `chmod 755 ${quote(realpath(path))}`,
      },
    );
  }
  return examineElf(deployment, path);
}

/** Returns what is wrong with `path`, if it is an executable of the machine. */
function examineElf({ path: script }: Deployment, path: string): Finding[] {
  const elf = readElf(path);
  if (!elf) return [];
  const which = path === script ? 'The script' : `The interpreter ${path}`;
  if (!runsHere(elf.machine)) {
    return [
      {
        code: 'architecture-wrong',
        severity: 'fails',
        subject: path,
        problem: `${which} is an executable for ${elf.machine}, and this machine is ${process.arch}.`,
        mend: [
          { change: `Build or install it for ${process.arch}; with run-with-cgi: build --standalone --target linux-${process.arch}.` },
        ],
      },
    ];
  }
  if (elf.loader === undefined || existsSync(elf.loader)) return [];
  return [
    {
      code: 'loader-missing',
      severity: 'fails',
      subject: path,
      problem: `${which} asks for the loader ${elf.loader}, which this machine does not have. ${/musl/.test(elf.loader) ? 'It was built for musl (Alpine), and this machine has another C library.' : 'It was built for another C library or system.'}`,
      mend: [{ change: 'Build it for this system, or link it statically.' }],
    },
  ];
}

/** Returns the finding for a text without a #! line. */
function withoutLine(deployment: Deployment): Finding {
  const { path, start } = deployment;
  const isPreceded = /^[ \t\r\n]+#!/.test(start) || /^(?!#!)[^\n]*\n#!/.test(start);
  const rule = 'Linux executes a text only if its first two bytes are "#!", followed by the path of an interpreter';
  const problem = isPreceded
    ? `${rule}, and here something stands before "#!".`
    : `${rule}. The first line is ${JSON.stringify((start.split('\n')[0] ?? '').slice(0, 60))}.`;
  const mend = isPreceded ? { run: `sed -i '/#!/,$!d; s/^[ \\t]*#!/#!/' ${quote(path)}` } : suggestLine(deployment);
  return { code: 'interpreter-line-missing', severity: 'fails', subject: path, problem, mend: [mend] };
}

/** Returns how to get a right first line: that of `wanted` where this machine has it, or what suits the name of the script. */
function suggestLine({ path, start }: Deployment, wanted = ''): Mend {
  const name = basename(wanted.replaceAll('\\', '/')).replace(/\.exe$/i, '');
  const found = name === '' ? undefined : findProgram(name === 'python' ? 'python3' : name);
  if (found !== undefined) return startsLine(start) ? { run: replaceLine(path, lineFor(start, found)) } : { run: insertLine(path, found) };
  if (name !== '') return installAdvice(name);
  if (start.startsWith('<?')) {
    return {
      change:
        "Let the server's own PHP run the page (mod_php, php-fpm), outside of the cgi-bin. As a CGI script it begins with #!/usr/bin/php-cgi, and Apache has to set REDIRECT_STATUS: SetEnv REDIRECT_STATUS 200.",
    };
  }
  if (/\.[mc]?[jt]sx?$/.test(path) || /^\s*(?:import|export)\b|\brequire\(/m.test(start)) {
    const built = basename(path).replace(/\.[^.]*$/, '.cgi');
    return { run: `npx run-with-cgi build ${quote(path)} -o ${quote(join(dirname(path), built))}` };
  }
  const [, ending = ''] = /\.(\w+)$/.exec(path) ?? [];
  const suited = { py: 'python3', pl: 'perl', rb: 'ruby', sh: 'sh' }[ending] ?? 'sh';
  const program = findProgram(suited);
  if (program === undefined) return installAdvice(suited);
  return startsLine(start) ? { run: replaceLine(path, program) } : { run: insertLine(path, program) };
}

function startsLine(start: string): boolean {
  return start.startsWith('#!');
}

/** Returns the #! line of `start` with `program` in place of the program that it names, and with the words behind that program. */
function lineFor(start: string, program: string): string {
  const { words: [interpreter = '', ...rest] = [] } = parseShebang(start) ?? {};
  // The words of a line with quotes cannot be told apart.
  if (/["'`]/.test(interpreter)) return program;
  if (basename(interpreter) !== 'env' || basename(program) === 'env') return [program, ...rest.map(decodeBytes)].join(' ');
  const args = rest
    .join(' ')
    .replace(/^(?:-v?S|--split-string=?) */, '')
    .split(' ')
    .map(decodeBytes);
  const at = args.findIndex((word) => !word.startsWith('-') && !word.includes('='));
  const [before, after] = at < 0 ? [[], []] : [args.slice(0, at), args.slice(at + 1)];
  if (program.startsWith('/usr/bin/env ')) program = program.slice('/usr/bin/env '.length);
  else if (before.length === 0 && after.length < 2 && !/["'\\$]/.test(after[0] ?? '')) return [program, ...after].join(' ');
  // Linux passes all words behind an interpreter as one, and only env splits them.
  return [interpreter, ...(before.length + after.length > 0 ? ['-S'] : []), ...before, program, ...after].join(' ');
}

function replaceLine(path: string, interpreter: string): string {
  return `sed -i ${quote(`1s|.*|#!${interpreter.replace(/[\\|&]/g, '\\$&')}|`)} ${quote(path)}`;
}

function insertLine(path: string, interpreter: string): string {
  return `sed -i ${quote(`1i #!${interpreter.replaceAll('\\', '\\\\')}`)} ${quote(path)}`;
}

/** Returns how to run the script by another copy of its interpreter, one that the server's user can reach. */
function otherProgram(deployment: Deployment, path: string, name: string): Mend[] {
  const other = candidates(basename(name)).find((file) => file !== path && closedFolder(deployment, file) === undefined);
  if (other !== undefined) return [{ run: replaceLine(deployment.path, lineFor(deployment.start, other)) }];
  return [
    { change: `Install ${basename(name)} for all users, in /usr/local or by the system's packages, and name that in the first line.` },
  ];
}

function installAdvice(name: string): Mend {
  if (name === 'node' || name === 'nodejs') {
    return { change: 'Install Node for all users, or make an executable that needs none: npx run-with-cgi build app.mjs --standalone.' };
  }
  return { change: `Install ${name} for all users, or name another interpreter in the first line.` };
}

/** Returns the first folder above `path` that the server's user may not enter. */
function closedFolder({ account }: Deployment, path: string): string | undefined {
  for (const file of new Set([path, realpath(path)])) {
    const parts = dirname(file).split('/');
    for (let count = 1; count <= parts.length; count++) {
      const folder = parts.slice(0, count).join('/') || '/';
      if (existsSync(folder) && !isAllowed(account, folder, 'x')) return folder;
    }
  }
  return undefined;
}

function candidates(name: string): string[] {
  const folders = [...USUAL_FOLDERS, ...(process.env.PATH ?? '').split(':')].filter((folder) => folder.startsWith('/'));
  return folders.map((folder) => join(folder, name)).filter(isFile);
}

/** Returns the path of a program of this machine; undefined where there is none. */
export function findProgram(name: string): string | undefined {
  return candidates(name)[0];
}

function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
