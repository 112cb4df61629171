// run-with-cgi request: sends an application one request from the shell, as curl would, without a server.

import { basename } from 'node:path';
import { openErrors } from '../cgi/stderr.ts';
import { LOG, printTo, takeStdout } from '../cgi/stdout.ts';
import { decodeUtf8, encodeUtf8 } from '../environ/byte-string.ts';
import { percentEncode } from '../environ/path.ts';
import { isFile } from '../file-type.ts';
import { UserError } from '../load/user-error.ts';
import { startTimer } from '../timer.ts';
import type { Header } from '../types.ts';
import { type OptionValue, parseArguments } from './arguments.ts';
import { Client } from './client.ts';
import { Cookies } from './cookies.ts';
import { JSON_TYPE, lengthOf, parseBody, type RequestBody, readBody, readText } from './request-body.ts';
import { Outputs, ResponseOutput } from './response-output.ts';
import { applicationOf } from './target.ts';
import { inSeconds, writeOut } from './write-out.ts';

export const usage = `Usage: run-with-cgi request <app> [path] [options]

Sends one request to an application and writes the body of its response to
standard output. The path may be a whole URL; the default is "/". The options
are curl's:

  -X, --request <method>    the method. Default: GET; POST with a body, PUT with
                            -T
  -H, --header <line>       "Name: value"; "Name;" for an empty one, "Name:" to
                            leave it out; @file reads a header from each line
  -A, --user-agent <text>
  -e, --referer <url>
  -u, --user <name:password>
  -b, --cookie <cookies>    "name=value; ...", or a file that -c has written
  -c, --cookie-jar <file>   writes the cookies that responses set to a file

  -d, --data <body>         the body, byte for byte; @file reads a file, @-
                            standard input; several are joined by "&"
      --data-raw <body>     the same, but a first "@" is a part of the body
      --data-urlencode <x>  text, name=text, @file or name@file
      --json <body>         the same as -d, with the headers of JSON
  -F, --form <name=value>   a field of a multipart body; name=@file uploads a
                            file, name=<file reads a value; ;type=text/csv and
                            ;filename=a.csv may follow
      --form-string <name=value>
  -T, --upload-file <file>  sends a file by PUT; a path that ends in / gets the
                            name of the file
  -G, --get                 sends the data of -d as the query

  -L, --location            follows redirects within the application
      --max-redirs <n>      follows at most so many. Default: 50
  -m, --max-time <seconds>  ends the request after so many seconds

  -i, --include             shows the head of the response, too
  -I, --head                sends a HEAD request; shows the head of the response
  -v, --verbose             shows both heads on standard error
  -o, --output <file>       writes the body to a file; - is standard output
  -D, --dump-header <file>  writes the head to a file
  -w, --write-out <format>  prints at the end, as "%{http_code} %header{etag}"
      --compressed          asks for a compressed body, and decompresses it
  -s, --silent              prints no errors; with -S, --show-error it does
  -f, --fail                exit status 22 and no body when the status is 400 or
                            more; --fail-with-body shows the body
      --interface <kind>    wsgi, fetch or node, if another kind is guessed

What the application prints goes to standard error. The exit status is 18 when
the response ended before it was complete; 23 when it could not be written, or
when it is binary and standard output is a terminal; 28 after --max-time; and 47
after more redirects than --max-redirs.
`;

export const options = {
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
  // curl's options about connections have no effect here: there is no connection.
  insecure: { type: 'boolean', short: 'k' },
  'no-buffer': { type: 'boolean', short: 'N' },
  interface: { type: 'string' },
} as const;

type Values = ReturnType<typeof parseArguments<typeof options>>['values'];

interface Request {
  /** The method without -X: that option renames the method, and changes nothing else. */
  kind: 'GET' | 'HEAD' | 'POST' | 'PUT';
  target: string;
  headers: readonly Header[];
  body: RequestBody | undefined;
}

export async function run(args: string[]): Promise<number> {
  const { values, positionals, inOrder } = parseArguments(args, options);
  const [app, path = '/', ...more] = positionals;
  if (more.length > 0)
    throw new UserError('option-wrong', `Name one path; ${more.join(' ')} is too much. Put quotes around a path with spaces`);
  if (app?.startsWith('/') && !isFile(app) && isFile(path))
    throw new UserError('option-wrong', `The application comes first: request ${path} ${app}`);
  if (!/^(?:\/|https?:\/\/)/.test(path)) throw new UserError('path-wrong', `A path must begin with "/", got ${path}; make it "/${path}"`);
  const first = firstRequest(encode(path), values, inOrder);
  const cookies = new Cookies(values.cookie ?? [], values['cookie-jar'] !== undefined);
  const maxRedirects = values.location ? toNumber('--max-redirs', values['max-redirs'] ?? '50') : undefined;
  const seconds = values['max-time'] === undefined ? Infinity : toNumber('--max-time', values['max-time']);
  const format = formatOf(values['write-out'] ?? '');

  // The application prints to the log. This comes before the application is loaded: some libraries keep the stream
  // that they find meanwhile.
  const log = openErrors(2);
  printTo(log);
  const outputs = new Outputs(takeStdout(LOG), values);
  const client = new Client(await applicationOf(app, values.interface), outputs, log);
  startTimer(seconds * 1000, () => client.abort(28, `the response was not complete after ${seconds} s`))?.unref();

  const send = async (request: Request): Promise<ResponseOutput> => {
    const url = urlOf(request);
    const cookie = cookies.headerFor(url);
    const headers: Header[] = cookie === undefined ? [...request.headers] : [...request.headers, ['Cookie', cookie]];
    const isFollowed = (response: ResponseOutput) => maxRedirects !== undefined && redirectedRequest(request, response) !== undefined;
    const response = new ResponseOutput(outputs, values, isFollowed);
    await client.send({ ...request, method: values.request ?? request.kind, headers }, response);
    cookies.keep(response.headers, url);
    return response;
  };
  const began = performance.now();
  const last = await followRedirects(first, send, outputs, maxRedirects);
  const milliseconds = performance.now() - began;

  if (values['cookie-jar'] !== undefined) outputs.print(values['cookie-jar'], cookies.toJar());
  if (format !== '') {
    const { request, response, redirects } = last;
    const variables = {
      ...response.variables(began),
      method: values.request ?? request.kind,
      url: encodeUtf8(path),
      url_effective: urlOf(request).href,
      redirect_url: locationOf(request, response)?.href,
      filename_effective: encodeUtf8(values.output ?? ''),
      num_redirects: redirects,
      size_upload: request.body ? lengthOf(request.body) : 0,
      time_total: inSeconds(milliseconds),
      exitcode: outputs.status,
      errormsg: encodeUtf8(outputs.reason),
    };
    const onUnknown = (name: string) => outputs.warn(`there is no variable ${name} for --write-out`);
    outputs.print('-', writeOut(format, variables, response.headers, onUnknown));
  }
  // process.exit(), since the application may have timers and connections open.
  process.exit(outputs.status);
}

/** The last request that was sent. */
interface LastRequest {
  request: Request;
  response: ResponseOutput;
  redirects: number;
}

/** Sends `request`, and follows up to `maxRedirects` redirects, or none where that is undefined. */
async function followRedirects(
  request: Request,
  send: (request: Request) => Promise<ResponseOutput>,
  outputs: Outputs,
  maxRedirects: number | undefined,
): Promise<LastRequest> {
  for (let redirects = 0, current = request; ; redirects++) {
    const response = await send(current);
    const to = locationOf(current, response);
    if (maxRedirects === undefined || to === undefined || outputs.status !== 0) return { request: current, response, redirects };
    const next = redirectedRequest(current, response);
    if (next !== undefined && redirects < maxRedirects) {
      current = next;
      continue;
    }
    if (next === undefined) outputs.warn(`the redirect to ${to.href} leads out of the application; it is not followed`);
    else outputs.fail(47, `there were more than ${maxRedirects} redirects`);
    return { request: current, response, redirects };
  }
}

function formatOf(text: string): string {
  return text.startsWith('@') ? readText(text.slice(1), 'format') : encodeUtf8(text);
}

function firstRequest(target: string, values: Values, options: readonly OptionValue[]): Request {
  const data = parseBody(options);
  const query = values.get && data ? readBody(data) : '';
  const body = values.get ? undefined : data;
  if (body && values.head) throw new UserError('option-wrong', 'A HEAD request has no body; give --get, too, or leave --head out');
  const upload = values['upload-file'];
  // A path that ends in "/" gets the name of the file.
  const name = upload !== undefined && upload !== '-' && target.endsWith('/') ? encode(basename(upload)) : '';
  return {
    kind: values.head ? 'HEAD' : body ? (upload === undefined ? 'POST' : 'PUT') : 'GET',
    target: query === '' ? target + name : `${target}${target.includes('?') ? '&' : '?'}${query}`,
    headers: headersOf(values, body),
    body,
  };
}

/** Returns the headers that options like --user stand for, unless -H replaces them, and the headers of -H. */
function headersOf(values: Values, body: RequestBody | undefined): Header[] {
  const lines = (values.header ?? []).flatMap((line) =>
    line.startsWith('@') ? readText(line.slice(1), 'headers').split(/\r?\n/) : [encodeUtf8(line)],
  );
  const given = lines.filter((line) => line !== '').map(parseHeader);
  const { user, 'user-agent': agent, referer, compressed } = values;
  const isJson = values.json !== undefined;
  const others: [name: string, value: string | undefined][] = [
    ['Authorization', user === undefined ? undefined : `Basic ${Buffer.from(user.includes(':') ? user : `${user}:`).toString('base64')}`],
    ['User-Agent', agent],
    ['Referer', referer],
    ['Accept', isJson ? JSON_TYPE : undefined],
    ['Accept-Encoding', compressed ? 'deflate, gzip, br' : undefined],
    ['Content-Type', body?.type],
  ];
  const isGiven = (name: string) => given.some(([one]) => one.toLowerCase() === name.toLowerCase());
  const needed = others.flatMap(([name, value]): Header[] => (value === undefined || isGiven(name) ? [] : [[name, encodeUtf8(value)]]));
  return [...needed, ...given.flatMap(([name, value]): Header[] => (value === undefined ? [] : [[name, value]]))];
}

/** Parses a value of -H. The value is undefined for "Name:", which leaves the header out, and empty for "Name;". */
function parseHeader(line: string): [name: string, value: string | undefined] {
  const [, name, mark, value = ''] = /^([^\s:;]+)([:;])\s*(.*?)\s*$/s.exec(line) ?? [];
  if (name === undefined || (mark === ';' && value !== ''))
    throw new UserError('header-malformed', `A header must be "Name: value", got "${decodeUtf8(line)}"`);
  return [name, mark === ':' && value === '' ? undefined : value];
}

/** Percent-encodes spaces and bytes beyond ASCII, as a browser does with a typed address. */
function encode(path: string): string {
  return percentEncode(encodeUtf8(path), /[^!-~]/g);
}

function urlOf({ target, headers }: Request): URL {
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? 'localhost';
  const whole = target.startsWith('/') ? `http://${host}${target}` : target;
  return new URL(URL.canParse(whole) ? whole : 'http://localhost/');
}

/** Returns the target of a redirect; undefined when `response` is no redirect. */
function locationOf(request: Request, response: ResponseOutput): URL | undefined {
  const to = response.header('location');
  const from = urlOf(request).href;
  return response.status.startsWith('3') && to !== undefined && URL.canParse(to, from) ? new URL(to, from) : undefined;
}

/** Returns the request that -L sends after a redirect within the application; undefined for any other response. RFC 9110 §15.4, as curl does it. */
function redirectedRequest(request: Request, response: ResponseOutput): Request | undefined {
  const to = locationOf(request, response);
  const from = urlOf(request);
  if (to?.host !== from.host || !to.protocol.startsWith('http')) return undefined;
  const isWhole = !request.target.startsWith('/') || to.protocol !== from.protocol;
  const target = `${isWhole ? to.origin : ''}${to.pathname}${to.search}`;
  const code = response.status.slice(0, 3);
  const isForGet = code === '303' ? request.kind !== 'HEAD' : request.kind === 'POST' && (code === '301' || code === '302');
  if (!isForGet) return { ...request, target };
  // curl keeps the headers of --json, and drops the Content-Type of other bodies.
  const type = request.body?.type === JSON_TYPE ? undefined : request.body?.type;
  const headers = request.headers.filter(([name, value]) => name !== 'Content-Type' || value !== type);
  return { kind: 'GET', target, headers, body: undefined };
}

function toNumber(option: string, text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new UserError('option-wrong', `${option} must be a number, got ${text}`);
}
