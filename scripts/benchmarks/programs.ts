// The programs that are measured: ours, bare ones that set the floor, and the same "hello" by other gateways.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildScript } from '../../src/build/index.ts';

const BARE = {
  empty: '',
  out: `const { writeSync } = require('fs');
const block = Buffer.alloc(65536, 'x');
for (let left = process.env.BENCH_BYTES / 65536; left > 0; left--) for (let done = 0; done < block.length; ) done += writeSync(1, block, done);
`,
  upload: `const { readSync } = require('fs');
const hash = require('crypto').createHash('sha1');
const block = Buffer.allocUnsafe(65536);
for (let count; (count = readSync(0, block)) > 0; ) hash.update(block.subarray(0, count));
require('fs').writeSync(1, hash.digest('hex'));
`,
};

const OURS = {
  out: `import { runWithCgi } from '${process.cwd()}/src/index.ts';
const block = Buffer.alloc(65536, 'x');
runWithCgi((environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
  return (function* () {
    for (let left = Number(environ.BENCH_BYTES) / 65536; left > 0; left--) yield block;
  })();
});
`,
  upload: `import { createHash } from 'node:crypto';
import { runWithCgi } from '${process.cwd()}/src/index.ts';
runWithCgi((environ, startResponse) => {
  const hash = createHash('sha1');
  const input = environ['wsgi.input'];
  for (let block = input.read(65536); block.length > 0; block = input.read(65536)) hash.update(block);
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return hash.digest('hex');
});
`,
  file: `import { openSync } from 'node:fs';
import { runWithCgi } from '${process.cwd()}/src/index.ts';
runWithCgi((environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
  return environ['wsgi.file_wrapper'](openSync(String(environ.BENCH_FILE), 'r'));
});
`,
};

const ADAPTED = {
  'fetch-out': `const block = Buffer.alloc(65536, 'x');
export default () => {
  let left = Number(process.env.BENCH_BYTES) / 65536;
  return new Response(new ReadableStream({ pull: (controller) => (left-- > 0 ? controller.enqueue(block) : controller.close()) }));
};
`,
  'fetch-upload': `import { createHash } from 'node:crypto';
export default async (request) => {
  const hash = createHash('sha1');
  for await (const block of request.body ?? []) hash.update(block);
  return new Response(hash.digest('hex'));
};
`,
  'node-out': `const block = Buffer.alloc(65536, 'x');
export default (request, response) => {
  let left = Number(process.env.BENCH_BYTES) / 65536;
  const more = () => {
    while (left-- > 0) if (!response.write(block)) return response.once('drain', more);
    response.end();
  };
  more();
};
`,
  'node-upload': `import { createHash } from 'node:crypto';
export default (request, response) => {
  const hash = createHash('sha1');
  request.on('data', (block) => hash.update(block)).on('end', () => response.end(hash.digest('hex')));
};
`,
};

/** The same program as a module whose interpreter line names the command run-with-cgi. */
const INTERPRETED = `export default (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return ['Hello, world!\\n'];
};
`;

const UNBUILT = `import { runWithCgi } from 'run-with-cgi';

runWithCgi((_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return ['Hello, world!\\n'];
});
`;

const PEERS: Record<string, string> = {
  'hello.py': `from wsgiref.handlers import CGIHandler
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello, world!\\n']
CGIHandler().run(application)
`,
  'hello.pl': `use Plack::Handler::CGI;
Plack::Handler::CGI->new->run(sub { [200, ['Content-Type' => 'text/plain'], ["Hello, world!\\n"]] });
`,
  'hello.php': `<?php header('Content-Type: text/plain'); echo "Hello, world!\\n";
`,
  'hello.rb': `require 'rack'
Rack::Handler::CGI.run(->(env) { [200, { 'Content-Type' => 'text/plain' }, ["Hello, world!\\n"]] })
`,
  'hello.go': `package main
import ("net/http"; "net/http/cgi")
func main() {
  cgi.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
    w.Header().Set("Content-Type", "text/plain")
    w.Write([]byte("Hello, world!\\n"))
  }))
}
`,
  'hello.c': `#include <stdio.h>
int main(void) { fputs("Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nHello, world!\\n", stdout); return 0; }
`,
};

/** Writes the programs of all rows but "peers" into `folder`, and builds them. */
export async function makePrograms(folder: string): Promise<void> {
  for (const [name, source] of Object.entries(BARE)) writeFileSync(join(folder, `bare-${name}.cjs`), source);
  for (const [name, source] of Object.entries(OURS)) {
    writeFileSync(join(folder, `${name}.ts`), source);
    await buildScript(join(folder, `${name}.ts`), join(folder, `${name}.cjs`), { env: { BENCH_FILE: '/dev/null', BENCH_BYTES: '1000' } });
  }
  for (const [name, source] of Object.entries(ADAPTED)) {
    writeFileSync(join(folder, `${name}.mjs`), source);
    const kind = name.startsWith('fetch') ? 'fetch' : 'node';
    await buildScript(join(folder, `${name}.mjs`), join(folder, `${name}.cjs`), {
      exportName: 'default',
      interface: kind,
      env: { BENCH_BYTES: '1000' },
    });
  }
  writeFileSync(join(folder, 'unbuilt.mjs'), UNBUILT);
  writeFileSync(join(folder, 'interpreted.mjs'), INTERPRETED);
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(process.cwd(), join(folder, 'node_modules/run-with-cgi'));
  execFileSync('gcc', ['-O2', '-static', '-o', join(folder, 'runner'), 'scripts/benchmarks/runner.c']);
}

/** Builds `source` by the Node `binary`, for the Node `interpreter`, and returns the script. */
export function buildBy(binary: string, source: string, folder: string, interpreter = binary): string {
  const script = join(mkdtempSync(join(folder, 'built-')), 'script.cjs');
  const program = `import { buildScript } from '${process.cwd()}/src/build/index.ts';
await buildScript(${JSON.stringify(source)}, ${JSON.stringify(script)}, { interpreter: ${JSON.stringify(interpreter)} });`;
  execFileSync(binary, ['--import', 'tsx', '--input-type=module', '--eval', program], { stdio: ['ignore', 'ignore', 'inherit'] });
  return script;
}

/** Writes the same "hello" for each peer, and returns how to run it. php-cgi takes its script from SCRIPT_FILENAME. */
export function makePeers(folder: string): Record<string, string[]> {
  for (const [name, source] of Object.entries(PEERS)) writeFileSync(join(folder, name), source);
  execFileSync('gcc', ['-O2', '-static', '-o', join(folder, 'hello-c'), join(folder, 'hello.c')]);
  const env = { PATH: process.env.PATH, HOME: folder, GOCACHE: join(folder, 'go'), GO111MODULE: 'off' };
  execFileSync('go', ['build', '-o', join(folder, 'hello-go'), join(folder, 'hello.go')], { env });
  return {
    'a static C program': [join(folder, 'hello-c')],
    'Go, net/http/cgi': [join(folder, 'hello-go')],
    'PHP, php-cgi': ['/usr/bin/php-cgi'],
    'Python, wsgiref CGIHandler': ['/usr/bin/python3', join(folder, 'hello.py')],
    'Perl, Plack CGI': ['/usr/bin/perl', join(folder, 'hello.pl')],
    'Ruby, Rack CGI': ['/usr/bin/ruby', join(folder, 'hello.rb')],
  };
}
