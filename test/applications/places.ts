// The places where an application is asked: on a port, started as its author would start it; and built, by pipe and by Apache, each
// at the root and under the path of the script.

import { type ChildProcess, execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ask } from '../servers/client.ts';
import { apache, type RealServer } from '../servers/servers.ts';
import type { Question, Sample } from './sample.ts';

export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: [name: string, value: string][];
  /** A byte string. */
  body: string;
}

export type Place = 'by pipe' | 'by pipe, under a path' | 'by Apache' | 'by Apache, under a path';
export const PLACES: Place[] = ['by pipe', 'by pipe, under a path', 'by Apache', 'by Apache, under a path'];

const here = fileURLToPath(new URL('.', import.meta.url));
const project = fileURLToPath(new URL('../..', import.meta.url));
const PATH = [join(here, 'node_modules/.bin'), join(project, 'node_modules/.bin'), process.env.PATH].join(':');
const run = promisify(execFile);

export const hostOf = ({ name }: Sample): string => `${name}.example`;
/** Returns the path of the script in its URL. */
export const mountOf = ({ name }: Sample): string => `/cgi-bin/${name}.cgi`;
export const scriptOf = (site: string, { name }: Sample): string => join(site, name, `${name}.cgi`);

export interface Native {
  port: number;
  stop(): Promise<void>;
}

/** Starts the application as its author would. */
export async function startNatively({ name, start, file }: Sample, env: Record<string, string>): Promise<Native> {
  const entry = start ?? file;
  const loaders = [new URL('native.mjs', import.meta.url).href];
  if (/\.(?:tsx?|jsx)$/.test(entry)) loaders.push(createRequire(import.meta.url).resolve('tsx'));
  const child = fork(entry, {
    cwd: join(here, name),
    execArgv: loaders.flatMap((loader) => ['--import', loader]),
    env: { PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const log = gather(child);
  const ended = once(child, 'exit');
  const port = await Promise.race([once(child, 'message').then(([port]) => port), ended.then(() => undefined)]);
  if (typeof port !== 'number') throw new Error(`${name}/${entry} did not start:\n${log()}`);
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { port, stop };
}

/** Runs the framework's own build, where it has one: that makes the file that is built here. */
export async function make({ name, make: [command, ...words] = [] }: Sample): Promise<void> {
  if (command !== undefined) await run(command, words, { cwd: join(here, name), env: { PATH } });
}

/** Builds the script. Returns the message of the command when it fails. */
export async function build(sample: Sample, site: string, env: Record<string, string>): Promise<string | undefined> {
  const { name, file, isBuiltFromAbove = false, options = [], installed = [] } = sample;
  mkdirSync(join(site, name), { mode: 0o755 });
  for (const module of installed) cpSync(join(here, 'node_modules', module), join(site, name, 'node_modules', module), { recursive: true });
  const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const words = [
    join(project, 'dist/cli/main.cjs'),
    'build',
    isBuiltFromAbove ? join(name, file) : file,
    '-o',
    scriptOf(site, sample),
    ...options,
    ...variables,
  ];
  try {
    const cwd = isBuiltFromAbove ? here : join(here, name);
    await run(process.execPath, words, { cwd, env: { PATH }, timeout: 120_000 });
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'stderr' in error) return String(error.stderr).trim();
    throw error;
  }
}

/** Asks one process of the script, which gets no more variables than RFC 3875 asks for. */
async function byPipe(sample: Sample, site: string, question: Question, mount: string, env: Record<string, string>): Promise<Answer> {
  const { method, path, headers = [], body } = question;
  const [pathname = '', query = ''] = path.split(/\?(.*)/s);
  const fields = headers.map((line): [string, string] => {
    const [name = '', value = ''] = line.split(/: (.*)/s);
    const variable = name.toUpperCase().replaceAll('-', '_');
    return [variable === 'CONTENT_TYPE' ? variable : `HTTP_${variable}`, value];
  });
  const script = scriptOf(site, sample);
  const child = spawn(script, {
    cwd: join(site, sample.name),
    env: {
      PATH: process.env.PATH,
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_SOFTWARE: 'pipe',
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_NAME: hostOf(sample),
      SERVER_PORT: '80',
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: method,
      SCRIPT_NAME: mount,
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: query,
      HTTP_HOST: hostOf(sample),
      HTTP_CONNECTION: 'close',
      ...(body !== undefined && { CONTENT_LENGTH: String(Buffer.byteLength(body)) }),
      ...Object.fromEntries(fields),
      ...env,
    },
  });
  const log = gather(child, 'stderr');
  const output = gather(child, 'stdout');
  child.stdin.on('error', () => {}); // it need not read its input
  child.stdin.end(body ?? '');
  await once(child, 'close');
  return parse(output(), log);
}

/** Takes the output of a script apart. Output that is no response becomes an answer of status 0, whose body has the log. */
function parse(output: string, log: () => string): Answer {
  const [head = '', body = ''] = output.split(/\r\n\r\n(.*)/s);
  const [status, ...headers] = head.split('\r\n').map((line): [string, string] => {
    const [name = '', value = ''] = line.split(/: (.*)/s);
    return [name.toLowerCase(), value];
  });
  if (status?.[0] !== 'status') return { status: 0, headers: [], body: `${output}${log()}` };
  return { status: Number(status[1].slice(0, 3)), headers, body };
}

/** Returns an Apache with a host for each application; the host has the script at its root, and in a cgi-bin. */
export function apacheWithHosts(samples: Sample[], envOf: (sample: Sample) => Record<string, string>): RealServer {
  const host = (sample: Sample, { folder, port }: { folder: string; port: number }) => {
    const site = join(folder, 'root/cgi-bin');
    return `<VirtualHost 127.0.0.1:${port}>
  ServerName ${hostOf(sample)}
  ScriptAlias /cgi-bin/ ${join(site, sample.name)}/
  ScriptAlias / ${scriptOf(site, sample)}/
${Object.entries(envOf(sample))
  .map(([name, value]) => `  SetEnv ${name} ${value}`)
  .join('\n')}
</VirtualHost>`;
  };
  return {
    name: 'Apache',
    commands: (site) => [
      apache(
        site,
        ['mpm_event', 'authz_core', 'alias', 'env', 'cgid'],
        `ScriptSock ${site.folder}/cgid.sock
<Directory ${site.folder}/root/cgi-bin>
  Require all granted
  CGIPassAuth On
</Directory>
${samples.map((sample) => host(sample, site)).join('\n')}`,
      ),
    ],
  };
}

export interface Site {
  folder: string;
  port: number;
}

/** Asks the built application at `place`. */
export function askBuilt(
  sample: Sample,
  place: Place,
  { folder, port }: Site,
  question: Question,
  env: Record<string, string>,
): Promise<Answer> {
  const mount = place.endsWith('under a path') ? mountOf(sample) : '';
  if (place.startsWith('by pipe')) return byPipe(sample, folder, question, mount, env);
  return askHost(sample, port, { ...question, path: `${mount}${question.path}` });
}

export async function askHost(sample: Sample, port: number, { method, path, headers, body }: Question): Promise<Answer> {
  const answer = await ask(port, {
    method,
    path,
    host: hostOf(sample),
    ...(headers !== undefined && { headers }),
    ...(body !== undefined && { body }),
  });
  return { status: answer.status, headers: answer.headers, body: answer.body };
}

/** Headers of the connection, of the moment, or of the web server itself. */
const UNCOMPARED = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'server']);
/** Takes out the moment that a cookie names, and spaces: Apache removes them from Vary, and @hono/node-server adds one to Content-Type. */
const normalized = (value: string) => value.replace(/expires=[^;]+GMT/, 'expires').replaceAll(/([,;]) /g, '$1');

/**
 * What is compared of an answer beside another one. An application may tell its own path, which is longer under a script's;
 * a length that only one of both tells is framing.
 */
export function comparable(answer: Answer, other: Answer, sample: Sample, { random }: Question): object {
  const plain = (text: string) => {
    const unmounted = text.replaceAll(mountOf(sample), '');
    return random ? unmounted.replace(random, '') : unmounted;
  };
  const isSame = [answer, other].every(({ body }) => plain(body) === body);
  const isCompared = ([name]: [string, string]) =>
    !UNCOMPARED.has(name) &&
    (name !== 'content-length' || (isSame && other.headers.some(([one]) => one === name))) &&
    (name !== 'etag' || isSame);
  return {
    status: answer.status,
    headers: answer.headers
      .filter(isCompared)
      .map(([name, value]) => `${name}: ${normalized(plain(value))}`)
      .sort(),
    body: plain(answer.body),
  };
}

/** Returns a function that returns the output of a child process so far, as a byte string. */
function gather(child: ChildProcess, ...names: ('stdout' | 'stderr')[]): () => string {
  let text = '';
  for (const name of names.length > 0 ? names : (['stdout', 'stderr'] as const))
    child[name]?.on('data', (piece: Buffer) => {
      text += piece.toString('latin1');
    });
  return () => text;
}
