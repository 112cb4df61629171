// run-with-cgi fastcgi and run-with-cgi scgi: an application that stays, for a web server that connects to it.

import type { Server } from 'node:net';
import { UserError } from '../load/user-error.ts';
import type { ResidentOptions } from '../resident/options.ts';
import type { ApplicationFunction } from '../types.ts';
import { bind } from '../workers/bind.ts';
import { serveUntilTold } from '../workers/lifetime.ts';
import { runWorkers } from '../workers/supervisor.ts';
import { DRAIN } from '../workers/uncaught.ts';
import { INHERITED, WORKER } from '../workers/worker-channel.ts';
import { parseArguments } from './arguments.ts';
import { applicationOf } from './target.ts';

export function usageOf(name: string, protocol: string): string {
  return `Usage: run-with-cgi ${name} <app> [options]

Serves an application to a web server by ${protocol}. Without --socket or --port it
listens on descriptor 0, as spawn-fcgi and web servers leave it.

  --socket <path>      a Unix socket; one that nobody listens on is replaced
  --mode <octal>       its permissions; 660
  --port <number>      a TCP port
  --host <address>     its address; 127.0.0.1
  --workers <number>   as many processes share the work, and another one sees to
                       them; without it there is one
  --max-requests <n>   a process is replaced after so many requests
  --idle-exit <s>      ends after so many seconds without a request
  --grace <s>          after SIGTERM, how long connections that are open are
                       served, for a load balancer to notice; 0
  --drain <s>          how long what runs may take when a process ends; 30
  --timeout <ms>       how long an application may wait for things
  --max-body <bytes>   a larger request body is answered with 413
  --script-name <path> where the application is mounted, if the server does not
                       say
  --own-log            wsgi.errors goes to standard error, not to the web server
  --interface <kind>   wsgi, fetch or node, where the application does not show
                       it

SIGTERM, SIGINT and SIGUSR1 let running requests finish; SIGHUP replaces the
workers, one by one, with the new code.
`;
}

const options = {
  socket: { type: 'string' },
  mode: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  workers: { type: 'string' },
  'max-requests': { type: 'string' },
  'idle-exit': { type: 'string' },
  grace: { type: 'string' },
  drain: { type: 'string' },
  timeout: { type: 'string' },
  'max-body': { type: 'string' },
  'script-name': { type: 'string' },
  'own-log': { type: 'boolean' },
  interface: { type: 'string' },
} as const;

type Serve = (application: ApplicationFunction, options: ResidentOptions) => Server;

export async function runResident(name: string, serve: Serve, args: string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, options);
  const [target, ...more] = positionals;
  if (more.length > 0) throw new UserError('option-wrong', `One application can be served, and ${more.join(' ')} is too much`);
  if (values.socket !== undefined && values.port !== undefined)
    throw new UserError('option-wrong', '--socket and --port are two places; give one');
  if (values.port === undefined && values.host !== undefined) throw new UserError('option-wrong', '--host is for --port; give that, too');
  if (values.socket === undefined && values.mode !== undefined)
    throw new UserError('option-wrong', '--mode is for --socket; give that, too');

  const workers = toNumber('--workers', values.workers, 1);
  const say = (line: string) => void process.stderr.write(`${name}: ${line}\n`);
  const grace = seconds('--grace', values.grace);
  const drain = seconds('--drain', values.drain) ?? DRAIN;
  const place = withoutUndefined({
    socket: values.socket,
    mode: toMode(values.mode),
    port: toNumber('--port', values.port, 0, 65_535),
    host: values.host,
    fd: values.socket === undefined && values.port === undefined ? 0 : undefined,
  });
  const settings = withoutUndefined({
    grace,
    timeout: toNumber('--timeout', values.timeout, 1),
    maxBodySize: toNumber('--max-body', values['max-body']),
    scriptName: values['script-name'],
    sendErrors: values['own-log'] ? false : undefined,
  });
  const isWorker = process.env[WORKER] !== undefined;
  delete process.env[WORKER]; // what the application starts is none
  const life = {
    name,
    maxRequests: toNumber('--max-requests', values['max-requests'], 1),
    idleExit: seconds('--idle-exit', values['idle-exit']),
    drain,
    isWorker,
  };

  const refuse = (error: NodeJS.ErrnoException): never => {
    if (error.code === 'EADDRINUSE') throw new UserError('address-in-use', `Somebody listens on ${values.socket ?? values.port} already`);
    if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL') throw new UserError('address-not-allowed', error.message);
    if (place.fd !== undefined) throw new UserError('option-wrong', 'Descriptor 0 is no socket that listens; give --socket or --port');
    throw error;
  };
  if (workers !== undefined && !isWorker) {
    const bound = await bind(place).catch(refuse);
    return runWorkers(bound, { count: workers, deadline: (grace ?? 0) + drain, log: say }).catch(refuse);
  }
  // A worker hears it when its terminal closes; its primary process decides.
  process.on('SIGHUP', () => {
    if (!isWorker) say('SIGHUP replaces workers, and this process has none: it goes on with the code that it has. See --workers');
  });
  const { application, options: given } = await applicationOf(target, values.interface);
  const env = given.env === undefined ? {} : { env: given.env };
  const serveHere = (counted: ApplicationFunction) => serve(counted, { ...env, ...settings, ...(isWorker ? { fd: INHERITED } : place) });
  return serveUntilTold(application, serveHere, life).catch(refuse);
}

function toNumber(option: string, text: string | undefined, least = 0, most = Infinity): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  const range = most === Infinity ? (least === 0 ? '' : ` of at least ${least}`) : ` from ${least} to ${most}`;
  throw new UserError('option-wrong', `${option} must be a number${range}, got ${text}`);
}

function toMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8);
  throw new UserError('option-wrong', `--mode must be permissions in octal digits, like 660, got ${text}`);
}

/** As milliseconds. */
function seconds(option: string, text: string | undefined): number | undefined {
  const number = toNumber(option, text);
  return number === undefined ? undefined : number * 1000;
}

type Defined<Values> = { [Name in keyof Values]: Exclude<Values[Name], undefined> };

function withoutUndefined<Values extends object>(values: Values): Partial<Defined<Values>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Defined<Values>>;
}
