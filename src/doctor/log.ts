// Finds the cause of a failure in what a script wrote to its standard error: the messages of Node and of other interpreters.

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { FindingCode, Mend } from './finding.ts';
import { quote } from './finding.ts';

export interface Cause {
  code: FindingCode;
  problem: string;
  mend: readonly Mend[];
}

type Reader = (found: RegExpExecArray, script: string) => Cause | undefined;

/** Returns the command that makes a built file of `script`. */
export const buildAdvice = (script: string): Mend => ({
  run: `npx run-with-cgi build ${quote(script)} -o ${quote(script.replace(/(?:\.[^./]*)?$/, script.endsWith('.cgi') ? '.built.cgi' : '.cgi'))}`,
});

/** Messages of interpreters, and what they mean. The first that matches counts. */
const CAUSES: readonly (readonly [RegExp, Reader])[] = [
  [
    /\[node-too-old\]|Node (\S+) is too old/,
    () => ({
      code: 'node-too-old',
      problem: 'The Node that runs the script is too old for it: it has to be 20.19, 22.12 or later.',
      mend: [{ change: 'Install a newer Node, and name its absolute path in the first line, or by build --interpreter.' }],
    }),
  ],
  [
    /process\.getBuiltinModule is not a function/,
    () => ({
      code: 'node-too-old',
      problem: 'The Node that runs the script is too old for run-with-cgi: it has to be 20.19, 22.12 or later.',
      mend: [{ change: 'Install a newer Node, and name its absolute path in the first line.' }],
    }),
  ],
  [
    /there is no (?:"([^"]+)" in PATH[^;]*|(\/[^;]+)); install Node/,
    ([, name, path]) => ({
      code: 'interpreter-not-in-path',
      problem: `The built file looks for ${name ?? path}, and does not find it where the server runs it.`,
      mend: [{ change: 'Build it with --interpreter and the absolute path of Node on the host, or with --standalone.' }],
    }),
  ],
  [
    /there is no folder (.+); copy it along with the script/,
    ([, folder = '']) => ({
      code: 'file-beside-missing',
      problem: `The script needs the folder ${folder}, which build has made beside it. It is not there, or the server's user cannot enter it.`,
      mend: [{ change: `Copy ${basename(folder)} along with the script.` }],
    }),
  ],
  [
    /Wasm memory|reserve virtual memory|Cannot allocate memory|JavaScript heap out of memory|bad_alloc|Fatal process (?:OOM|out of memory)/,
    () => ({
      code: 'limit-address-space',
      problem:
        'There was not enough memory for the script. Node reserves far more address space than it uses; a limit to it (ulimit -v, RLimitMEM) below 2 GiB keeps Node from starting, or from using Response and fetch.',
      mend: [
        { change: 'Raise the limit, or build the script: npx run-with-cgi build does without the parts of Node that need most of it.' },
      ],
    }),
  ],
  [
    /pthread_create|uv_thread_create|Resource temporarily unavailable|Cannot fork|fork: retry|EAGAIN.*(?:spawn|fork)/i,
    () => ({
      code: 'limit-processes',
      problem:
        "The system refused another process or thread. Node starts about ten threads; the server's user may not have so many (ulimit -u, RLimitNPROC).",
      mend: [{ change: "Raise RLimitNPROC or the nproc limit of the server's user." }],
    }),
  ],
  [
    /version `(GLIBC[^']*)' not found/,
    ([, version]) => ({
      code: 'library-missing',
      problem: `The program was linked with a newer C library: it asks for ${version}.`,
      mend: [{ change: 'Compile it on a system as old as the host, or link it statically.' }],
    }),
  ],
  [
    /error while loading shared libraries: ([^:]+):/,
    ([, library]) => ({
      code: 'library-missing',
      problem: `The program needs the library ${library}, which the server's user does not find. A PATH or LD_LIBRARY_PATH of your shell is not there under a server.`,
      mend: [{ change: `Install ${library} for all users, or link the program statically.` }],
    }),
  ],
  [
    /Unknown file extension "(\.tsx?|\.mts|\.cts)"|ERR_UNKNOWN_FILE_EXTENSION[^\n]*"(\.[mc]?tsx?)"/,
    (_found, script) => ({
      code: 'typescript-unsupported',
      problem: 'The Node that runs the script does not read TypeScript; Node 22.18 and later do.',
      mend: [buildAdvice(script)],
    }),
  ],
  [
    /SyntaxError/,
    (_found, script) =>
      /\.[mc]?tsx?$/.test(script)
        ? {
            code: 'typescript-unsupported',
            problem: 'The Node that runs the script takes TypeScript for JavaScript; Node 22.18 and later read both.',
            mend: [buildAdvice(script)],
          }
        : undefined,
  ],
  [
    /Unknown file extension "([^"]*)"/,
    ([, extension], script) => ({
      code: 'module-kind',
      problem: `Node takes the script for an ES module, and does not load ES modules whose names end in ${extension}.`,
      mend: [{ run: `mv ${quote(script)} ${quote(script.replace(/(?:\.[^./]*)?$/, '.mjs'))}` }, buildAdvice(script)],
    }),
  ],
  [/(?:require|module|exports|__dirname|__filename) is not defined in ES module scope/, (_found, script) => typeModule(script)],
  [
    /Cannot use import statement outside a module|Unexpected token 'export'|await is only valid in async functions and the top level bodies of modules/,
    (_found, script) => ({
      code: 'module-kind',
      problem: 'Node takes the script for CommonJS, and the script is an ES module: it has import or export.',
      mend: [{ run: `mv ${quote(script)} ${quote(script.replace(/(?:\.[^./]*)?$/, '.mjs'))}` }, buildAdvice(script)],
    }),
  ],
  [
    /compiled against a different Node\.js version|ERR_DLOPEN_FAILED/,
    () => ({
      code: 'module-missing',
      problem: 'A native addon was compiled for another Node than the one that runs the script.',
      mend: [{ change: 'Install the packages again with that Node: npm rebuild.' }],
    }),
  ],
  [
    /Cannot find (?:module|package) '([^']+)'/,
    ([, name = ''], script) =>
      missingModule(
        name,
        script,
        'Node looks in the folders node_modules beside the script and above it, never in NODE_PATH or the packages that are installed with -g: these belong to your shell',
        [{ change: packageAdvice(name) }, buildAdvice(script)],
      ),
  ],
  [
    /(?:ModuleNotFoundError: )?No module named '?([\w.]+)'?/,
    ([, name = ''], script) =>
      missingModule(
        name,
        script,
        "Python finds the packages of a virtual environment only by that environment's own python, and those of pip --user only as that user",
        [{ change: 'Install the package that has the module, with the pip of that python. Its name may differ from that of the module.' }],
      ),
  ],
  [
    /Can't locate (\S+) in @INC/,
    ([, name = ''], script) =>
      missingModule(name, script, 'Perl looks in the folders of @INC, and PERL5LIB of your shell is not there under a server', [
        perlAdvice(name),
      ]),
  ],
  [
    /cannot load such file -- (\S+)/,
    ([, name = ''], script) =>
      missingModule(name, script, "Ruby looks in its load path, and the gems of one user belong to that user's shell", [
        { change: 'Install the gem that has the file, for all users. Its name may differ from that of the file.' },
      ]),
  ],
  [
    /Failed opening required '([^']+)'/,
    ([, name = '']) => ({
      code: 'file-beside-missing',
      problem: `The script requires the file ${name}, which is not there or which the server's user cannot read.`,
      mend: [{ change: `Copy ${basename(name)} along with the script.` }],
    }),
  ],
  [
    /EACCES: permission denied, \w+ '([^']+)'|Permission denied: '([^']+)'|(?:open|create) ["']?(\/[^\s"']+)["']?: Permission denied|(\/[^\s:'"]+): Permission denied/,
    ([, a, b, c, d]) => refusedFile(a ?? b ?? c ?? d ?? ''),
  ],
  [
    /ENOENT: no such file or directory, \w+ '([^']+)'|No such file or directory: '([^']+)'|can't (?:open|cd to) '?([^\s':]+)'?|(?:cannot open|cannot access) '?([^\s':]+)'?: No such file|(?:^|\s)(?:cat|head|sed|grep|awk|source|\.): (?:can't open '?)?([^\s':]+)'?: No such file/m,
    ([, a, b, c, d, e], script) => missingFile(a ?? b ?? c ?? d ?? e ?? '', script),
  ],
  [
    /(?:line )?\d+: ([\w.+-]+): (?:command )?not found/,
    ([, name = '']) => ({
      code: 'command-missing',
      problem: `The script calls the command ${name}, which is not in the PATH that it gets from the server.`,
      mend: [{ change: `Write the absolute path of ${name} into the script, or set PATH at its beginning.` }],
    }),
  ],
  [
    /spawn(?:Sync)? ([\w.+/-]+) ENOENT/,
    ([, name = '']) => ({
      code: 'command-missing',
      problem: `The script starts the program ${name}, which is not in the PATH that it gets from the server, or is not installed.`,
      mend: [{ change: `Write the absolute path of ${name} into the script.` }],
    }),
  ],
];

/** Returns what `log`, which `script` has written, says about the cause of a failure; undefined if it says nothing that is known. */
export function findCause(log: string, script: string): Cause | undefined {
  for (const [pattern, read] of CAUSES) {
    const found = pattern.exec(log);
    const cause = found && read(found, script);
    if (cause) return cause;
  }
  return undefined;
}

function missingModule(name: string, script: string, rule: string, mend: readonly Mend[]): Cause {
  if (/^[./]/.test(name)) return missingFile(name, script);
  return {
    code: 'module-missing',
    problem: `The module ${name} is not found from where the script lies, as the user that runs it. ${rule}.`,
    mend,
  };
}

/** A package name of npm, alone or with its scope. npm takes other texts for folders, URLs and repositories of GitHub. */
const PACKAGE = /^(?:@[a-z\d][\w.~-]*\/)?[a-z\d][\w.~-]*$/i;

/** Returns how to install the package that the module `specifier` belongs to. A log may hold any text in place of a name. */
function packageAdvice(specifier: string): string {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const wanted =
    PACKAGE.test(name) && !/\.(?:tgz|tar|gz)$/i.test(name) ? `Run "npm install ${name}"` : 'Install the package that has the module';
  return `${wanted} in the folder of the sources, and build the script again; or install it beside the script, where the server shows no files of that folder.`;
}

/** Returns how to install the Perl module whose file is `file`, such as Foo/Bar.pm. */
function perlAdvice(file: string): Mend {
  if (!/^[a-z_]\w*(?:\/\w+)*\.pm$/i.test(file)) return { change: 'Install the file into a folder of @INC.' };
  return { run: `cpan ${file.slice(0, -'.pm'.length).replaceAll('/', '::')}` };
}

function missingFile(name: string, script: string): Cause {
  const path = resolve(dirname(script), name);
  const rule = 'A server runs a script in the folder of the script, or in its own, and never in the folder of your shell';
  if (existsSync(path)) return refusedFile(path);
  return {
    code: 'file-beside-missing',
    problem: `The script needs ${name}, which is not there${name.startsWith('/') ? '' : `; it was looked for as ${path}`}. ${rule}.`,
    mend: [
      {
        change: `Copy ${basename(name)} along with the script, and build a path from the script's own (__dirname, import.meta.dirname, __file__, $0).`,
      },
    ],
  };
}

function refusedFile(path: string): Cause {
  return {
    code: 'file-beside-refused',
    problem: `The user that runs the script may not open ${path}.`,
    mend: [
      { change: 'Give that user the permission on the file, and x on the folders above it.' },
      { run: `ls -ld -- ${quote(path)}; namei -m -- ${quote(path)}` },
    ],
  };
}

/** Returns the cause for CommonJS that Node takes for an ES module, because of a package.json above it. */
function typeModule(script: string): Cause {
  let manifest: string | undefined;
  for (let folder = dirname(script); manifest === undefined; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path) && /"type"\s*:\s*"module"/.test(readFileSync(path, 'utf8'))) manifest = path;
    if (folder === '/') break;
  }
  return {
    code: 'type-module-above',
    problem: `The script is CommonJS, and Node takes it for an ES module${manifest === undefined ? '' : `, because ${manifest} says "type": "module"`}.`,
    mend: [
      { run: `mv ${quote(script)} ${quote(script.replace(/(?:\.[^./]*)?$/, '.cjs'))}` },
      { change: 'Or build the script with run-with-cgi: a built file runs below any package.json.' },
    ],
  };
}
