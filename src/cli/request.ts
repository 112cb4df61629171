// run-with-cgi request: one request from the shell, as curl would send it, and no server.

import { basename } from 'node:path';
import { openErrors } from '../cgi/stderr.ts';
import { LOG, printTo, takeStdout } from '../cgi/stdout.ts';
import { UserError } from '../load/user-error.ts';
import type { Header } from '../types.ts';
import { parseArguments } from './arguments.ts';
import { Client } from './client.ts';
import { Cookies } from './cookies.ts';
import { type Body, bodyOf, byteString, type Given, lengthOf, percent, readText, textOf } from './request-body.ts';
import { Outputs, ResponseOutput } from './response-output.ts';
import { applicationOf, isFile } from './target.ts';
import { inSeconds, writeOut } from './write-out.ts';

export const usage = `Usage: run-with-cgi request <app> [path] [options]

Sends one request to an application and writes the body of its response to
standard output. The path may be a whole URL; "/" by default. The options are
curl's:

  -X, --request <method>    the method; GET, or what a body makes of it
  -H, --header <line>       "Name: value"; "Name;" for an empty one, "Name:" for
                            none; @file has a line for each
  -A, --user-agent <text>
  -e, --referer <url>
  -u, --user <name:password>
  -b, --cookie <cookies>    "name=value; ...", or a file of -c
  -c, --cookie-jar <file>   keeps the cookies that responses set

  -d, --data <body>         byte for byte; @file for a file's bytes, @- for
                            standard input; several are joined by "&"
      --data-raw <body>     where a first "@" is one
      --data-urlencode <x>  text, name=text, @file or name@file
      --json <body>         -d, and the headers of JSON
  -F, --form <name=value>   multipart; name=@file, name=<file, and behind these
                            ;type=text/csv;filename=a.csv
      --form-string <name=value>
  -T, --upload-file <file>  by PUT; a path that ends in / gets its name
  -G, --get                 the data is the query

  -L, --location            follows redirects within the application
      --max-redirs <n>      as many as these; 50
  -m, --max-time <seconds>  then it is ended

  -i, --include             the response's head too
  -I, --head                a HEAD request; shows the response's head
  -v, --verbose             what was sent and received, on standard error
  -o, --output <file>       for the body; - is standard output
  -D, --dump-header <file>  for the head
  -w, --write-out <format>  at the end, like "%{http_code} %header{etag}\\n"
      --compressed          asks for a compressed body, and unpacks it
  -s, --silent              says nothing itself, unless -S, --show-error
  -f, --fail                exit status 22 and no body when the status is 400 or
                            more; --fail-with-body shows it
      --interface <kind>    wsgi, fetch or node, where the application does not
                            show it

What the application prints goes to standard error. The exit status is 18 when
the response ended before it was complete, 23 when it could not be written, or
is binary and standard output is a terminal, 28 after --max-time, and 47 after
more redirects than --max-redirs.
`;

const options = {
  request: { type: 'string', short: 'X' },
  header: { type: 'string', short: 'H', multiple: true },
  'user-agent': { type: 'string', short: 'A' },
  referer: { type: 'string', short: 'e' },
  user: { type: 'string', short: 'u' },
  cookie: { type: 'string', short: 'b', multiple: true },
  'cookie-jar': { type: 'string', short: 'c' },
  data: { type: 'string', short: 'd', multiple: true },
  'data-ascii': { type: 'string', multiple: true },
  'data-binary': { type: 'string', multiple: true },
  'data-raw': { type: 'string', multiple: true },
  'data-urlencode': { type: 'string', multiple: true },
  json: { type: 'string', multiple: true },
  form: { type: 'string', short: 'F', multiple: true },
  'form-string': { type: 'string', multiple: true },
  'upload-file': { type: 'string', short: 'T' },
  get: { type: 'boolean', short: 'G' },
  location: { type: 'boolean', short: 'L' },
  'max-redirs': { type: 'string' },
  'max-time': { type: 'string', short: 'm' },
  include: { type: 'boolean', short: 'i' },
  head: { type: 'boolean', short: 'I' },
  verbose: { type: 'boolean', short: 'v' },
  output: { type: 'string', short: 'o' },
  'dump-header': { type: 'string', short: 'D' },
  'write-out': { type: 'string', short: 'w' },
  silent: { type: 'boolean', short: 's' },
  'show-error': { type: 'boolean', short: 'S' },
  fail: { type: 'boolean', short: 'f' },
  'fail-with-body': { type: 'boolean' },
  compressed: { type: 'boolean' },
  // About connections, of which there is none.
  insecure: { type: 'boolean', short: 'k' },
  'no-buffer': { type: 'boolean', short: 'N' },
  interface: { type: 'string' },
} as const;

type Values = ReturnType<typeof parseArguments<typeof options>>['values'];

interface Request {
  /** What it is without -X, which only gives it another name. */
  kind: 'GET' | 'HEAD' | 'POST' | 'PUT';
  target: string;
  headers: readonly Header[];
  body: Body | undefined;
}

export async function run(args: string[]): Promise<number> {
  const { values, positionals, inOrder } = parseArguments(args, options);
  const [app, path = '/', ...more] = positionals;
  if (more.length > 0) throw new UserError('option-wrong', `There is one path, and ${more.join(' ')} is too much; put quotes around it`);
  if (app?.startsWith('/') && !isFile(app) && isFile(path))
    throw new UserError('option-wrong', `The application comes first: request ${path} ${app}`);
  if (!/^(?:\/|https?:\/\/)/.test(path)) throw new UserError('path-wrong', `A path begins with "/", got ${path}; make it "/${path}"`);
  const first = firstRequest(encode(path), values, inOrder);
  const cookies = new Cookies(values.cookie ?? [], values['cookie-jar'] !== undefined);
  const most = values.location ? toNumber('--max-redirs', values['max-redirs'] ?? '50') : undefined;
  const seconds = values['max-time'] === undefined ? undefined : toNumber('--max-time', values['max-time']);
  const format = formatOf(values['write-out'] ?? '');

  // What the application prints is not its response, and some libraries keep the stream that they find while they are loaded.
  const log = openErrors(2);
  printTo(log);
  const outputs = new Outputs(takeStdout(LOG), values);
  const client = new Client(await applicationOf(app, values.interface), outputs, log);
  if (seconds !== undefined) setTimeout(() => client.end(28, `there was no whole response after ${seconds} s`), seconds * 1000).unref();

  const send = async (request: Request): Promise<ResponseOutput> => {
    const url = urlOf(request);
    const cookie = cookies.headerFor(url);
    const headers: Header[] = cookie === undefined ? [...request.headers] : [...request.headers, ['Cookie', cookie]];
    const isPassed = (response: ResponseOutput) => most !== undefined && redirected(request, response) !== undefined;
    const response = new ResponseOutput(outputs, values, isPassed);
    await client.send({ ...request, method: values.request ?? request.kind, headers }, response);
    cookies.take(response.headers, url);
    return response;
  };
  const began = performance.now();
  const last = await follow(first, send, outputs, most);
  const milliseconds = performance.now() - began;

  if (values['cookie-jar'] !== undefined) outputs.print(values['cookie-jar'], cookies.text());
  if (format !== '') {
    const { request, response, redirects } = last;
    const variables = {
      ...response.variables(began),
      method: values.request ?? request.kind,
      url: byteString(path),
      url_effective: urlOf(request).href,
      redirect_url: location(request, response)?.href,
      filename_effective: byteString(values.output ?? ''),
      num_redirects: redirects,
      size_upload: request.body ? lengthOf(request.body) : 0,
      time_total: inSeconds(milliseconds),
      exitcode: outputs.status,
      errormsg: byteString(outputs.reason),
    };
    const onUnknown = (name: string) => outputs.say(`there is no variable ${name} for --write-out`);
    outputs.print('-', writeOut(format, variables, response.headers, onUnknown));
  }
  // Whatever timers and connections are open, as after a CGI request.
  process.exit(outputs.status);
}

interface Last {
  request: Request;
  response: ResponseOutput;
  redirects: number;
}

/** Sends `request`, and what up to `most` redirects make of it. */
async function follow(
  request: Request,
  send: (request: Request) => Promise<ResponseOutput>,
  outputs: Outputs,
  most: number | undefined,
): Promise<Last> {
  for (let redirects = 0, now = request; ; redirects++) {
    const response = await send(now);
    const to = location(now, response);
    if (most === undefined || to === undefined || outputs.status !== 0) return { request: now, response, redirects };
    const next = redirected(now, response);
    if (next !== undefined && redirects < most) {
      now = next;
      continue;
    }
    if (next === undefined) outputs.say(`the redirect to ${to.href} leads out of the application, and is not followed`);
    else outputs.fail(47, `there are more than ${most} redirects`);
    return { request: now, response, redirects };
  }
}

function formatOf(text: string): string {
  return text.startsWith('@') ? readText(text.slice(1), 'format') : byteString(text);
}

function firstRequest(target: string, values: Values, given: readonly Given[]): Request {
  const found = bodyOf(given);
  const query = values.get && found ? textOf(found) : '';
  const body = values.get ? undefined : found;
  if (body && values.head) throw new UserError('option-wrong', 'A HEAD request has no body; give --get, or leave --head out');
  const upload = values['upload-file'];
  // Into a folder, under its own name.
  const name = upload !== undefined && upload !== '-' && target.endsWith('/') ? encode(basename(upload)) : '';
  return {
    kind: values.head ? 'HEAD' : body ? (upload === undefined ? 'POST' : 'PUT') : 'GET',
    target: query === '' ? target + name : `${target}${target.includes('?') ? '&' : '?'}${query}`,
    headers: headersOf(values, body),
    body,
  };
}

/** Those that options stand for, unless -H says otherwise, and those of -H. */
function headersOf(values: Values, body: Body | undefined): Header[] {
  const lines = (values.header ?? []).flatMap((line) =>
    line.startsWith('@') ? readText(line.slice(1), 'headers').split(/\r?\n/) : [byteString(line)],
  );
  const own = lines.filter((line) => line !== '').map(parseHeader);
  const { user, 'user-agent': agent, referer, compressed } = values;
  const isJson = values.json !== undefined;
  const others: [name: string, value: string | undefined][] = [
    ['Authorization', user === undefined ? undefined : `Basic ${Buffer.from(user.includes(':') ? user : `${user}:`).toString('base64')}`],
    ['User-Agent', agent],
    ['Referer', referer],
    ['Accept', isJson ? 'application/json' : undefined],
    ['Accept-Encoding', compressed ? 'deflate, gzip, br' : undefined],
    ['Content-Type', body?.type],
  ];
  const isOwn = (name: string) => own.some(([one]) => one.toLowerCase() === name.toLowerCase());
  const needed = others.flatMap(([name, value]): Header[] => (value === undefined || isOwn(name) ? [] : [[name, byteString(value)]]));
  return [...needed, ...own.flatMap(([name, value]): Header[] => (value === undefined ? [] : [[name, value]]))];
}

/** "Name: value"; "Name:" without a value leaves the header out; "Name;" has an empty one. */
function parseHeader(line: string): [name: string, value: string | undefined] {
  const [, name, mark, value = ''] = /^([^\s:;]+)([:;])\s*(.*?)\s*$/s.exec(line) ?? [];
  if (name === undefined || (mark === ';' && value !== ''))
    throw new UserError('header-malformed', `A header is written "Name: value", got "${Buffer.from(line, 'latin1')}"`);
  return [name, mark === ':' && value === '' ? undefined : value];
}

/** What a browser does to what is typed into its address bar. */
function encode(path: string): string {
  return byteString(path).replace(/[^!-~]/g, percent);
}

function urlOf({ target, headers }: Request): URL {
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? 'localhost';
  const whole = target.startsWith('/') ? `http://${host}${target}` : target;
  return new URL(URL.canParse(whole) ? whole : 'http://localhost/');
}

/** Where a redirect leads to; undefined when `response` is none. */
function location(request: Request, response: ResponseOutput): URL | undefined {
  const to = response.header('location');
  const from = urlOf(request).href;
  return response.status.startsWith('3') && to !== undefined && URL.canParse(to, from) ? new URL(to, from) : undefined;
}

/** What -L makes of a redirect within the application: RFC 9110 §15.4, as curl has it. */
function redirected(request: Request, response: ResponseOutput): Request | undefined {
  const to = location(request, response);
  const from = urlOf(request);
  if (to?.host !== from.host || !to.protocol.startsWith('http')) return undefined;
  const isWhole = !request.target.startsWith('/') || to.protocol !== from.protocol;
  const target = `${isWhole ? to.origin : ''}${to.pathname}${to.search}`;
  const code = response.status.slice(0, 3);
  const isForGet = code === '303' ? request.kind !== 'HEAD' : request.kind === 'POST' && (code === '301' || code === '302');
  if (!isForGet) return { ...request, target };
  const headers = request.headers.filter(([, value]) => value !== request.body?.type);
  return { kind: 'GET', target, headers, body: undefined };
}

function toNumber(option: string, text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new UserError('option-wrong', `${option} must be a number, got ${text}`);
}
