// Healthy deployments, ours and those of other languages. An examination must find nothing wrong with them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildScript } from '../../src/build/index.ts';
import { HELLO, has, script } from './deployments.ts';

export interface Healthy {
  name: string;
  /** Makes the files in a new, empty folder, and returns the name of the script. */
  make(folder: string): string | Promise<string>;
  isPossible?: () => boolean;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const bun = join(root, 'test/build/bun/node_modules/.bin');
const APPLICATION = `(environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return ['hello ', environ.PATH_INFO, environ['wsgi.input'].read()];
}`;

/** Makes this package what `import 'run-with-cgi'` finds in `folder`. */
function install(folder: string): void {
  mkdirSync(join(folder, 'node_modules'));
  execFileSync('cp', ['-r', join(root, 'dist'), join(root, 'package.json'), join(folder, 'node_modules')]);
  execFileSync('sh', ['-c', 'mkdir run-with-cgi && mv dist package.json run-with-cgi && chmod -R a+rX run-with-cgi'], {
    cwd: join(folder, 'node_modules'),
  });
}

async function built(folder: string, source: string, options: Parameters<typeof buildScript>[2] = {}, name = 'app.mjs'): Promise<string> {
  const path = join(root, 'test/doctor', `.${process.pid}-${Math.random().toString(36).slice(2)}-${name}`);
  writeFileSync(path, source);
  const before = process.env.PATH;
  process.env.PATH = `${bun}:${before}`;
  try {
    await buildScript(path, join(folder, 'script.cgi'), options);
  } finally {
    process.env.PATH = before;
    rmSync(path);
  }
  return 'script.cgi';
}

const text =
  (name: string, content: string) =>
  (folder: string): string => {
    script(folder, content, name);
    return name;
  };

const compiled =
  (source: string, ...options: string[]) =>
  (folder: string): string => {
    writeFileSync(join(folder, 'main.c'), source);
    execFileSync('gcc', ['-o', 'script.cgi', 'main.c', ...options], { cwd: folder });
    return 'script.cgi';
  };

const C = '#include <stdio.h>\nint main(void) { puts("Content-Type: text/plain\\n\\nhello"); return 0; }\n';

export const healthy: Healthy[] = [
  {
    name: 'a module of ours that is not built',
    make(folder) {
      install(folder);
      return text('script.mjs', `#!/usr/bin/env node\nimport { runWithCgi } from 'run-with-cgi';\nrunWithCgi(${APPLICATION});\n`)(folder);
    },
  },
  {
    name: 'a script that the command runs',
    make(folder) {
      install(folder);
      const command = join(folder, 'node_modules/run-with-cgi/dist/cli/main.cjs');
      return text('script.cgi', `#!${command}\nexport const application = ${APPLICATION};\n`)(folder);
    },
  },
  {
    name: 'a built application',
    make: (folder) => built(folder, `export const application = ${APPLICATION};\n`, { exportName: 'application' }),
  },
  {
    name: 'a built application below "type": "module"',
    make(folder) {
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
      return built(folder, `export const application = ${APPLICATION};\n`, { exportName: 'application' });
    },
  },
  {
    name: 'a built application with the path of Node in it',
    make: (folder) =>
      built(folder, `export const application = ${APPLICATION};\n`, { exportName: 'application', interpreter: process.execPath }),
  },
  {
    name: 'a warm application',
    make: (folder) => built(folder, `export const application = ${APPLICATION};\n`, { exportName: 'application', warm: true }),
  },
  {
    name: 'a built Hono application',
    make: (folder) =>
      built(
        folder,
        "import { Hono } from 'hono';\nconst app = new Hono();\napp.get('*', (c) => c.text('hello'));\napp.post('*', async (c) => c.text(await c.req.text()));\nexport default app;\n",
        { exportName: 'default', interface: 'fetch' },
      ),
  },
  {
    name: 'a built Express application',
    make: (folder) =>
      built(
        folder,
        "import express from 'express';\nconst app = express();\napp.use((_request, response) => response.send('hello'));\nexport default app;\n",
        { exportName: 'default', interface: 'node' },
      ),
  },
  {
    name: 'a built TypeScript application',
    make: (folder) =>
      built(
        folder,
        `export const application = ${APPLICATION.replace('environ,', 'environ: any,').replace('startResponse)', 'startResponse: any)')};\n`,
        { exportName: 'application' },
        'app.ts',
      ),
  },
  {
    name: 'a script of ours that is called nph-',
    make: async (folder) => {
      await built(folder, `export const application = ${APPLICATION};\n`, { exportName: 'application' });
      execFileSync('mv', ['script.cgi', 'nph-script.cgi'], { cwd: folder });
      return 'nph-script.cgi';
    },
  },
  { name: 'a shell script', make: text('script.cgi', HELLO) },
  { name: 'a shell script by env', make: text('script.sh', HELLO.replace('/bin/sh', '/usr/bin/env sh')) },
  {
    name: 'a bash script with an option',
    make: text('script.cgi', HELLO.replace('/bin/sh', '/bin/bash -u')),
    isPossible: () => has('/bin/bash'),
  },
  {
    name: 'a shell script with CRLF in its head',
    make: text('script.cgi', '#!/bin/sh\nprintf "Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nhello\\r\\n"\n'),
  },
  {
    name: 'a shell script that redirects',
    make: text('script.cgi', '#!/bin/sh\nprintf "Status: 302 Found\\nLocation: http://localhost/elsewhere\\n\\n"\n'),
  },
  {
    name: 'a Perl script',
    make: text(
      'script.pl',
      '#!/usr/bin/perl -w\nuse strict;\nmy $body = "";\nread(STDIN, $body, $ENV{CONTENT_LENGTH} || 0);\nprint "Content-Type: text/plain\\r\\n\\r\\nhello $body\\n";\n',
    ),
    isPossible: () => has('/usr/bin/perl'),
  },
  {
    name: 'a Python script',
    make: text(
      'script.py',
      '#!/usr/bin/python3\nimport os, sys\nbody = sys.stdin.buffer.read(int(os.environ.get("CONTENT_LENGTH") or 0))\nprint("Content-Type: text/plain\\n\\nhello", len(body))\n',
    ),
    isPossible: () => has('/usr/bin/python3'),
  },
  {
    name: 'a WSGI application of Python',
    make: text(
      'script.py',
      '#!/usr/bin/python3\nfrom wsgiref.handlers import CGIHandler\nfrom wsgiref.simple_server import demo_app\ndef app(environ, start_response):\n    start_response("200 OK", [("Content-Type", "text/plain")])\n    return [b"hello"]\nCGIHandler().run(app)\n',
    ),
    isPossible: () => has('/usr/bin/python3'),
  },
  {
    name: 'a PHP page',
    make: text('script.php', '#!/usr/bin/php\n<?php echo "Content-Type: text/plain\\r\\n\\r\\nhello";\n'),
    isPossible: () => has('/usr/bin/php'),
  },
  {
    name: 'a Ruby script',
    make: text('script.rb', '#!/usr/bin/env ruby\nSTDIN.read(ENV["CONTENT_LENGTH"].to_i)\nputs "Content-Type: text/plain", "", "hello"\n'),
    isPossible: () => has('/usr/bin/ruby'),
  },
  {
    name: 'an awk script',
    make: text('script.cgi', '#!/usr/bin/awk -f\nBEGIN { print "Content-Type: text/plain\\n\\nhello" }\n'),
    isPossible: () => has('/usr/bin/awk'),
  },
  { name: 'a program in C', make: compiled(C), isPossible: () => has('gcc') },
  { name: 'a program in C that is linked statically', make: compiled(C, '-static'), isPossible: () => has('gcc') },
  {
    name: 'plain Node, without us',
    make: text('script.cjs', '#!/usr/bin/env node\nprocess.stdout.write("Content-Type: text/plain\\n\\nhello\\n");\n'),
  },
  {
    name: 'plain Node, with a link to it',
    make(folder) {
      mkdirSync(join(folder, 'real'));
      text(
        'script.cjs',
        '#!/usr/bin/env -S node --no-warnings\nprocess.stdout.write("Content-Type: text/plain\\n\\nhello\\n");\n',
      )(join(folder, 'real'));
      symlinkSync('real/script.cjs', join(folder, 'script.cgi'));
      return 'script.cgi';
    },
  },
  {
    name: 'an executable with its runtime in it',
    make: (folder) => built(folder, `export const application = ${APPLICATION};\n`, { exportName: 'application', standalone: 'host' }),
    isPossible: () => has(join(bun, 'bun')),
  },
];
