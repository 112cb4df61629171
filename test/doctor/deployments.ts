// Broken deployments, each as somebody has made it on a real host: how it is made, how it fails under a real web server, and
// the finding that names its cause.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FindingCode } from '../../src/doctor/finding.ts';
import type { ExamineOptions } from '../../src/doctor/index.ts';
import type { Answer, Question } from './site.ts';

export interface Deployment {
  /** What somebody has done, in a few words. */
  name: string;
  code: FindingCode;
  /** The server under which it fails. Default: apache. */
  server?: 'apache' | 'lighttpd' | 'busybox' | 'python';
  /** Makes the files in a new, empty folder. The script is script.cgi there, unless another name is returned. */
  make(folder: string): string | undefined;
  /** The request that fails. Its path is that of the script, and `path` behind it. */
  question?: Question;
  /** Whether an answer shows the fault; undefined is no answer in three seconds. Default: no answer, or a status from 400 on. */
  isBroken?(answer: Answer | undefined, log: string): boolean;
  options?: ExamineOptions;
  /** Whether the commands of the finding mend it, so that the server answers 200. */
  isMended?: true;
  /** Whether this machine has what it needs. */
  isPossible?: () => boolean;
  /** Folders of the shell's PATH that the server does not have. */
  shellPath?: (folder: string) => string;
  /** Removes what `make` has made outside of its folder. */
  clean?(folder: string): void;
}

const PAGE = 'printf "Content-Type: text/plain\\n\\nhello\\n"\n';
/** A script that works. */
export const HELLO = `#!/bin/sh\n${PAGE}`;
const NODE_PAGE = 'process.stdout.write("Content-Type: text/plain\\n\\nhello\\n");\n';

/** Writes an executable script. */
export function script(folder: string, text: string | Buffer, name = 'script.cgi', mode = 0o755): undefined {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), mode);
}

function shell(...lines: string[]): (folder: string) => undefined {
  return (folder) => script(folder, `#!/bin/sh\n${lines.join('\n')}\n`);
}

function node(...lines: string[]): (folder: string) => undefined {
  return (folder) => script(folder, `#!/usr/bin/env node\n${lines.join('\n')}\n`);
}

/** Makes a folder that only root can enter. */
function closedFolder(path: string): string {
  mkdirSync(path);
  chmodSync(path, 0o700);
  return path;
}

/** Copies an executable of this machine, with bytes in it replaced. */
function patched(path: string, change: (bytes: Buffer) => void): Buffer {
  const bytes = readFileSync(realpathSync(path));
  change(bytes);
  return bytes;
}

const isLost = (answer: Answer | undefined) => answer === undefined;
const gcc = () => has('gcc');

export function has(program: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export const deployments: Deployment[] = [
  // The file and the way to it
  {
    name: 'a script without the permission to execute it',
    code: 'file-not-executable',
    make: (folder) => script(folder, HELLO, 'script.cgi', 0o644),
    isMended: true,
  },
  {
    name: 'a script that only its owner may execute',
    code: 'file-not-executable',
    make: (folder) => script(folder, HELLO, 'script.cgi', 0o700),
    isMended: true,
  },
  {
    name: 'a script that others may execute and not read',
    code: 'file-not-readable',
    make: (folder) => script(folder, HELLO, 'script.cgi', 0o711),
    isMended: true,
  },
  { name: 'an upload that has left an empty file', code: 'file-empty', make: (folder) => script(folder, '') },
  {
    name: 'a folder in place of a script',
    code: 'file-not-regular',
    make(folder) {
      mkdirSync(join(folder, 'script.cgi'));
      return undefined;
    },
  },
  {
    name: 'a folder that the server cannot enter',
    code: 'folder-not-entered',
    make(folder) {
      mkdirSync(join(folder, 'private'));
      script(join(folder, 'private'), HELLO);
      chmodSync(join(folder, 'private'), 0o750);
      return 'private/script.cgi';
    },
    isMended: true,
  },
  {
    name: 'a link to a script in a folder that the server cannot enter',
    code: 'folder-not-entered',
    make(folder) {
      const home = closedFolder(join(folder, 'home'));
      script(home, HELLO);
      symlinkSync(join(home, 'script.cgi'), join(folder, 'script.cgi'));
      return undefined;
    },
    isMended: true,
  },
  {
    name: 'a file system that is mounted with noexec',
    code: 'mount-noexec',
    make(folder) {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec,mode=755', 'none', folder]);
      return script(folder, HELLO);
    },
    clean: (folder) => execFileSync('umount', [folder]),
    isMended: true,
  },

  // What the file is
  { name: 'a text without a #! line', code: 'interpreter-line-missing', make: (folder) => script(folder, PAGE), isMended: true },
  {
    name: 'an empty line above the #! line',
    code: 'interpreter-line-missing',
    make: (folder) => script(folder, `\n${HELLO}`),
    isMended: true,
  },
  { name: 'a space before the #! line', code: 'interpreter-line-missing', make: (folder) => script(folder, ` ${HELLO}`), isMended: true },
  {
    name: 'a module that exports an application',
    code: 'interpreter-line-missing',
    make: (folder) => script(folder, 'export default { fetch: () => new Response("hello") };\n', 'script.mjs') ?? 'script.mjs',
  },
  {
    name: 'a page of PHP without a #! line',
    code: 'interpreter-line-missing',
    make: (folder) => script(folder, '<?php echo "hello";\n'),
    isPossible: () => has('php-cgi'),
  },
  {
    name: 'CRLF at the end of the lines of a shell script',
    code: 'interpreter-line-crlf',
    make: (folder) => script(folder, HELLO.replaceAll('\n', '\r\n')),
    isMended: true,
  },
  {
    name: 'CRLF behind env node',
    code: 'interpreter-line-crlf',
    make: (folder) => script(folder, `#!/usr/bin/env node\n${NODE_PAGE}`.replaceAll('\n', '\r\n')),
    isMended: true,
  },
  { name: 'a byte-order mark', code: 'byte-order-mark', make: (folder) => script(folder, `\ufeff${HELLO}`), isMended: true },
  {
    name: 'a script in UTF-16',
    code: 'file-encoding',
    make: (folder) => script(folder, Buffer.from(`\ufeff${HELLO}`, 'utf16le')),
    isMended: true,
  },
  {
    name: 'quotes around the interpreter',
    code: 'interpreter-line-quoted',
    make: (folder) => script(folder, `#!"/bin/sh"\n${PAGE}`),
    isMended: true,
  },
  {
    name: 'the #! line of a Windows machine',
    code: 'interpreter-relative',
    make: (folder) => script(folder, `#!C:/nodejs/node.exe\n${NODE_PAGE}`),
    isMended: true,
  },
  {
    name: 'a #! line without a path',
    code: 'interpreter-relative',
    make: (folder) => script(folder, `#!node\n${NODE_PAGE}`),
    isMended: true,
  },
  {
    name: 'the path that an interpreter has elsewhere',
    code: 'interpreter-missing',
    make: (folder) => script(folder, `#!/opt/bin/perl\nprint "Content-Type: text/plain\\n\\nhello\\n";\n`),
    isMended: true,
  },
  {
    name: 'an interpreter that nobody has installed',
    code: 'interpreter-missing',
    make: (folder) => script(folder, `#!/usr/bin/env no-such-lisp\n${PAGE}`),
  },
  { name: 'a #! line that names a folder', code: 'interpreter-missing', make: (folder) => script(folder, `#!/usr/bin\n${PAGE}`) },
  {
    name: 'an option behind env node',
    code: 'interpreter-arguments',
    make: (folder) => script(folder, `#!/usr/bin/env node --no-warnings\n${NODE_PAGE}`),
    isMended: true,
  },
  {
    name: 'a #! line of 300 bytes',
    code: 'interpreter-line-too-long',
    make(folder) {
      const deep = join(folder, ...Array.from({ length: 6 }, () => 'x'.repeat(50)));
      mkdirSync(deep, { recursive: true });
      copyFileSync('/bin/sh', join(deep, 'sh'));
      return script(folder, `#!${join(deep, 'sh')}\n${PAGE}`);
    },
  },
  {
    name: "an interpreter that only the shell's PATH leads to",
    code: 'interpreter-not-in-path',
    make(folder) {
      mkdirSync(join(folder, 'tools'));
      copyFileSync(realpathSync('/bin/sh'), join(folder, 'tools/run-page'));
      return script(folder, `#!/usr/bin/env run-page\n${PAGE}`);
    },
    shellPath: (folder) => join(folder, 'tools'),
    isMended: true,
  },
  {
    name: 'an interpreter in a home that the server cannot enter',
    code: 'interpreter-not-reachable',
    make(folder) {
      const home = closedFolder(join(folder, 'home'));
      symlinkSync(process.execPath, join(home, 'node'));
      return script(folder, `#!${join(home, 'node')}\n${NODE_PAGE}`);
    },
    isMended: true,
  },
  {
    name: 'an interpreter that the server may not execute',
    code: 'interpreter-not-reachable',
    make(folder) {
      copyFileSync(realpathSync('/bin/sh'), join(folder, 'mysh'));
      chmodSync(join(folder, 'mysh'), 0o700);
      return script(folder, `#!${join(folder, 'mysh')}\n${PAGE}`);
    },
    isMended: true,
  },
  {
    name: 'an executable for another processor',
    code: 'architecture-wrong',
    make: (folder) =>
      script(
        folder,
        patched('/bin/true', (bytes) => bytes.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)),
      ),
  },
  {
    name: 'an interpreter for another processor',
    code: 'architecture-wrong',
    make(folder) {
      script(
        folder,
        patched('/bin/true', (bytes) => bytes.writeUInt16LE(243, 18)),
        'mysh',
      );
      return script(folder, `#!${join(folder, 'mysh')}\n${PAGE}`);
    },
  },
  {
    name: 'an executable for another C library',
    code: 'loader-missing',
    make: (folder) =>
      script(
        folder,
        patched('/bin/true', (bytes) => {
          const at = bytes.indexOf('/ld-linux');
          bytes.write('/ld-musl-', at);
        }),
      ),
  },
  {
    name: 'an executable whose library lies in a folder of its author',
    code: 'library-missing',
    isPossible: gcc,
    make(folder) {
      writeFileSync(join(folder, 'page.c'), 'int page(void) { return 0; }\n');
      writeFileSync(
        join(folder, 'main.c'),
        '#include <stdio.h>\nint page(void);\nint main(void) { puts("Content-Type: text/plain\\n\\nhello"); return page(); }\n',
      );
      execFileSync('gcc', ['-shared', '-fPIC', '-o', 'libpage.so', 'page.c'], { cwd: folder });
      execFileSync('gcc', ['-o', 'script.cgi', 'main.c', '-L.', '-lpage'], { cwd: folder });
      return undefined;
    },
  },

  // What the script needs
  {
    name: 'a Node that is too old',
    code: 'node-too-old',
    make(folder) {
      // What Node 16 lacks, and what it says of itself.
      writeFileSync(
        join(folder, 'old.cjs'),
        'delete process.getBuiltinModule;\nObject.defineProperty(process, "version", { value: "v16.20.2" });\n',
      );
      script(folder, `#!/bin/sh\nexec ${process.execPath} -r ${join(folder, 'old.cjs')} "$@"\n`, 'node16');
      return script(folder, `#!${join(folder, 'node16')}\nprocess.getBuiltinModule("fs");\n${NODE_PAGE}`);
    },
  },
  {
    name: 'TypeScript for a Node that does not read it',
    code: 'typescript-unsupported',
    isPossible: () => !('typescript' in process.features && process.features.typescript),
    make: (folder) => script(folder, `#!/usr/bin/env node\nconst page: string = "hello";\n${NODE_PAGE}`, 'script.ts') ?? 'script.ts',
  },
  {
    name: 'an ES module whose name ends in .cgi',
    code: 'module-kind',
    make: node('import { argv } from "node:process";', 'console.log(argv);'),
  },
  {
    name: 'CommonJS below "type": "module"',
    code: 'type-module-above',
    make(folder) {
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
      return script(folder, `#!/usr/bin/env node\nconst fs = require("node:fs");\n${NODE_PAGE}`, 'script.js') ?? 'script.js';
    },
  },
  { name: 'a package of Node that is not installed there', code: 'module-missing', make: node('require("no-such-framework");') },
  {
    name: 'a package of Python that is not installed there',
    code: 'module-missing',
    isPossible: () => has('/usr/bin/python3'),
    make: (folder) => script(folder, '#!/usr/bin/python3\nimport no_such_framework\n'),
  },
  {
    name: 'a package of Perl that is not installed there',
    code: 'module-missing',
    isPossible: () => has('/usr/bin/perl'),
    make: (folder) => script(folder, '#!/usr/bin/perl\nuse No::Such::Module;\n'),
  },
  {
    name: "a package that is a link into its author's home",
    code: 'module-missing',
    make(folder) {
      const home = closedFolder(join(folder, 'home'));
      mkdirSync(join(home, 'kit'));
      writeFileSync(join(home, 'kit/index.js'), '');
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(join(home, 'kit'), join(folder, 'node_modules/kit'));
      return script(folder, `#!/usr/bin/env node\nrequire("kit");\n${NODE_PAGE}`);
    },
  },
  {
    name: 'a file that was not copied along',
    code: 'file-beside-missing',
    make: node('require("node:fs").readFileSync("settings.json");', NODE_PAGE),
  },
  {
    name: 'a module beside the script that was not copied along',
    code: 'file-beside-missing',
    make: node('require("./routes");', NODE_PAGE),
  },
  {
    name: 'a shell script whose template was not copied along',
    code: 'file-beside-missing',
    make: shell('set -e', 'page=$(cat page.html)', PAGE),
  },
  {
    name: 'a file of settings that only root may read',
    code: 'file-beside-refused',
    make(folder) {
      script(folder, '{}', 'settings.json', 0o600);
      return node('require("node:fs").readFileSync(__dirname + "/settings.json");', NODE_PAGE)(folder);
    },
  },
  { name: 'a command that is not in the PATH', code: 'command-missing', make: shell('set -e', 'name=$(no-such-command)', PAGE) },

  // What the script answers
  { name: 'console.log before the head', code: 'output-before-head', make: node('console.log("starting");', NODE_PAGE) },
  { name: 'a page without a head', code: 'output-before-head', make: shell('echo "<h1>hello</h1>"') },
  { name: 'a command that prints before the head', code: 'output-before-head', make: shell('uname', PAGE) },
  {
    name: 'a head without an empty line, and a page behind it',
    code: 'blank-line-missing',
    make: shell('echo "Content-Type: text/html"', 'echo "<h1>hello</h1>"'),
  },
  { name: 'a head and nothing else', code: 'blank-line-missing', make: shell('echo "Content-Type: text/html"') },
  {
    name: 'an empty line before the head',
    code: 'head-empty',
    make: shell('echo', PAGE),
    isBroken: (answer) => !answer?.headers.some(([name]) => name === 'content-type'),
  },
  {
    name: 'a line in the head that is no header',
    code: 'head-line-malformed',
    make: shell('printf "Content-Type: text/plain\\ndebug\\n\\nhello\\n"'),
  },
  {
    name: 'a status in words',
    code: 'status-malformed',
    make: shell('printf "Status: Not Found\\nContent-Type: text/plain\\n\\nhello\\n"'),
  },
  {
    name: 'an interim status',
    code: 'status-malformed',
    server: 'lighttpd',
    make: shell('printf "Status: 99\\nContent-Type: text/plain\\n\\nhello\\n"'),
  },
  {
    name: 'a status line in place of Status',
    code: 'http-status-line',
    make: shell('printf "HTTP/1.1 200 OK\\nContent-Type: text/plain\\n\\nhello\\n"'),
  },
  {
    name: 'a script called nph- that writes a common head',
    code: 'nph-without-status-line',
    make: (folder) => script(folder, HELLO, 'nph-script.cgi') ?? 'nph-script.cgi',
    isBroken: (answer) => answer?.status !== 200,
  },
  {
    name: 'a control character in a header',
    code: 'header-control-character',
    make: shell('printf "Content-Type: text/plain\\nX-Name: a\\001b\\n\\nhello\\n"'),
  },
  {
    name: 'a cookie of 9 KB',
    code: 'head-too-long',
    make: node('process.stdout.write("Set-Cookie: a=" + "x".repeat(9000) + "\\nContent-Type: text/plain\\n\\nhello\\n");'),
  },
  {
    name: 'Transfer-Encoding from the script',
    code: 'transfer-encoding',
    server: 'lighttpd',
    make: shell('printf "Content-Type: text/plain\\nTransfer-Encoding: chunked\\n\\nhello\\n"'),
    isBroken: (answer) => !answer?.body.includes('hello'),
  },
  {
    name: 'Connection from the script',
    code: 'header-hop-by-hop',
    server: 'busybox',
    make: shell('printf "Content-Type: text/plain\\nConnection: keep-alive\\n\\nhello\\n"'),
    isBroken: (answer) => answer?.headers.some(([name, value]) => name === 'connection' && value === 'keep-alive') === true,
  },
  {
    name: 'a Content-Length in characters',
    code: 'content-length-wrong',
    server: 'lighttpd',
    make: node(
      'const page = "größe\\n";',
      'process.stdout.write("Content-Type: text/plain\\nContent-Length: " + page.length + "\\n\\n" + page);',
    ),
    isBroken: (answer) => answer?.body !== Buffer.from('größe\n').toString('latin1'),
  },
  {
    name: 'a Content-Length that is too long',
    code: 'content-length-wrong',
    server: 'lighttpd',
    make: shell('printf "Content-Type: text/plain\\nContent-Length: 100\\n\\nhello\\n"'),
    isBroken: (answer) => answer?.isWhole === false,
  },
  {
    name: 'Location with a 200',
    code: 'location-with-200',
    make: shell('printf "Status: 200 OK\\nLocation: /elsewhere\\nContent-Type: text/plain\\n\\nhello\\n"'),
  },
  {
    name: 'no Content-Type',
    code: 'content-type-missing',
    make: shell('printf "Status: 200 OK\\n\\n<h1>hello</h1>\\n"'),
    isBroken: (answer) => !answer?.headers.some(([name]) => name === 'content-type'),
  },
  {
    name: 'a body that answers HEAD',
    code: 'body-on-head',
    server: 'busybox',
    make: shell(PAGE),
    question: { method: 'HEAD' },
    isBroken: (answer) => answer?.body !== '',
  },
  {
    name: 'a status that is not the first line',
    code: 'status-not-first',
    server: 'busybox',
    make: shell('printf "Content-Type: text/plain\\nStatus: 404 Not Found\\n\\nno\\n"'),
    isBroken: (answer) => answer?.status === 200,
  },
  { name: 'a script that ends without a word', code: 'no-output', make: shell('exit 0') },
  { name: 'a script that is killed', code: 'no-output', make: shell('kill -SEGV $$') },
  {
    name: 'a program that waits for connections',
    code: 'never-answers',
    make: node('require("node:http").createServer().listen(0);'),
    isBroken: isLost,
    options: { timeout: 2_000 },
  },
  { name: 'a script that reads a body on GET, which does not come', code: 'no-output', make: shell('read -r line || exit 1', PAGE) },
  {
    name: 'a timer that keeps Node alive',
    code: 'never-ends',
    make: node(NODE_PAGE, 'setInterval(() => {}, 1000);'),
    isBroken: isLost,
    options: { timeout: 2_000 },
  },
  {
    name: 'a process in the background that holds the output',
    code: 'child-holds-output',
    make: shell(PAGE, 'sleep 8 &'),
    isBroken: isLost,
  },
  {
    name: 'a page without an end',
    code: 'output-endless',
    make: shell('printf "Content-Type: text/plain\\n\\n"', 'exec yes'),
    isBroken: isLost,
  },
  {
    name: 'a script that reads until its input ends',
    code: 'reads-past-body',
    server: 'python',
    make: shell('cat >/dev/null', PAGE),
    question: { method: 'POST', body: 'name=x' },
    isBroken: isLost,
  },
  {
    name: 'an application that does not know where it is mounted',
    code: 'mount-unknown',
    make: node(
      'const page = process.env.REQUEST_URI === "/" ? "Status: 200 OK" : "Status: 404 Not Found";',
      'process.stdout.write(page + "\\nContent-Type: text/plain\\n\\n" + page);',
    ),
  },
  {
    name: 'an application that throws',
    code: 'answers-500',
    make: node(
      'console.error("TypeError: no database");',
      'process.stdout.write("Status: 500 Internal Server Error\\nContent-Type: text/plain\\n\\nsorry\\n");',
    ),
  },
  {
    name: 'an error page with the stack',
    code: 'stack-in-response',
    make: node(
      'try { null.name } catch (error) {',
      'process.stdout.write("Status: 500 Internal Server Error\\nContent-Type: text/plain\\n\\n" + error.stack); }',
    ),
    isBroken: (answer) => answer?.body.includes('script.cgi:2:') === true,
  },
  {
    name: 'a log of all headers',
    code: 'secret-in-log',
    make: node('console.error(process.env);', NODE_PAGE),
    question: { headers: ['Cookie: session=secret'] },
    isBroken: (_answer, log) => log.includes('session=secret'),
  },
  {
    name: 'a page of all headers',
    code: 'secret-in-response',
    make: shell('printf "Content-Type: text/plain\\n\\n"', 'env'),
    question: { headers: ['Cookie: session=secret'] },
    isBroken: (answer) => answer?.body.includes('session=secret') === true,
  },
  {
    name: 'a request to another machine by the proxy that a client names',
    code: 'http-proxy-used',
    server: 'busybox',
    make: node(
      'const url = new URL(process.env.HTTP_PROXY ?? "http://127.0.0.1:9/");',
      'const socket = require("node:net").connect(url.port, url.hostname);',
      'socket.on("error", () => process.stdout.write("Content-Type: text/plain\\n\\nno proxy"));',
      'socket.on("connect", () => socket.end("GET http://bank.example/?token=secret HTTP/1.0\\r\\n\\r\\n"));',
      'socket.on("close", (failed) => failed || process.stdout.write("Content-Type: text/plain\\n\\nasked the proxy"));',
    ),
    isBroken: (answer) => answer?.body === 'asked the proxy',
  },
  {
    name: 'a script that takes a second to start',
    code: 'slow-start',
    make: shell('sleep 1', PAGE),
    isBroken: (answer) => answer !== undefined,
  },
];
