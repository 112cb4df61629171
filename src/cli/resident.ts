// run-with-cgi fastcgi and run-with-cgi scgi: the process stays, and a web server connects to it.

import type { Server } from 'node:net';
import { UserError } from '../load/user-error.ts';
import type { ResidentOptions } from '../resident/options.ts';
import type { ApplicationFunction } from '../types.ts';
import { bindShared } from '../workers/bind.ts';
import { serveUntilStopped } from '../workers/serve-until-stopped.ts';
import { runWorkers } from '../workers/supervisor.ts';
import { DRAIN } from '../workers/uncaught.ts';
import { INHERITED, WORKER } from '../workers/worker-channel.ts';
import { parseArguments } from './arguments.ts';
import { applicationOf } from './target.ts';

export function usageOf(name: string, protocol: string): string {
  return `Usage: run-with-cgi ${name} <app> [options]

Serves an application to a web server by ${protocol}. Without --socket or --port the
command listens on descriptor 0, where spawn-fcgi and web servers put a socket.

  --socket <path>      a Unix socket. One that nobody listens on is replaced
  --mode <octal>       the permissions of the socket. Default: 660
  --port <number>      a TCP port
  --host <address>     the address of the port. Default: 127.0.0.1
  --workers <number>   how many processes answer requests. One more process
                       starts and replaces them. Default: a single process
  --max-requests <n>   replace a process after so many requests
  --idle-exit <s>      end after so many seconds without a request
  --grace <s>          after SIGTERM, serve open connections for so many
                       seconds, until a load balancer has noticed. Default: 0
  --drain <s>          let running requests take so many seconds when a process
                       ends. Default: 30
  --timeout <ms>       how long an application may wait for something
  --max-body <bytes>   answer a larger request body with 413
  --script-name <path> the path where the application is mounted, if the web
                       server does not tell it
  --own-log            write wsgi.errors to standard error, not to the server
  --interface <kind>   wsgi, fetch or node, if another kind is guessed

After SIGTERM, SIGINT or SIGUSR1 running requests finish. SIGHUP replaces the
workers, one by one, with the new code.
`;
}

export const options = {
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
  if (more.length > 0) throw new UserError('option-wrong', `Name one application; ${more.join(' ')} is too much`);
  if (values.socket !== undefined && values.port !== undefined) throw new UserError('option-wrong', 'Give --socket or --port, not both');
  if (values.port === undefined && values.host !== undefined) throw new UserError('option-wrong', '--host needs --port, too');
  if (values.socket === undefined && values.mode !== undefined) throw new UserError('option-wrong', '--mode needs --socket, too');

  const workers = toNumber('--workers', values.workers, 1);
  const log = (line: string) => void process.stderr.write(`${name}: ${line}\n`);
  const grace = secondsToMs('--grace', values.grace);
  const drain = secondsToMs('--drain', values.drain) ?? DRAIN;
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
  delete process.env[WORKER]; // processes that the application starts are no workers
  const life = {
    name,
    maxRequests: toNumber('--max-requests', values['max-requests'], 1),
    idleExit: secondsToMs('--idle-exit', values['idle-exit']),
    drain,
    isWorker,
  };

  const refuse = (error: NodeJS.ErrnoException): never => {
    if (error.code === 'EADDRINUSE') throw new UserError('address-in-use', `Another process listens on ${values.socket ?? values.port}`);
    if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL') throw new UserError('address-not-allowed', error.message);
    if (place.fd !== undefined) throw new UserError('option-wrong', 'Descriptor 0 is not a listening socket; give --socket or --port');
    throw error;
  };
  if (workers !== undefined && !isWorker) {
    const socket = await bindShared(place).catch(refuse);
    if (socket) return runWorkers(socket, { count: workers, deadline: (grace ?? 0) + drain, log }).catch(refuse);
    log(`Node ${process.versions.node} lets no processes share a socket; this one serves alone, without --workers`);
  }
  // A terminal that closes sends SIGHUP to the workers, too; a worker leaves it to the supervisor.
  process.on('SIGHUP', () => {
    if (!isWorker) log('SIGHUP replaces workers, and this process has none: it keeps its code. See --workers');
  });
  const { application, options: given } = await applicationOf(target, values.interface);
  const env = given.env === undefined ? {} : { env: given.env };
  const serveHere = (counted: ApplicationFunction) => serve(counted, { ...env, ...settings, ...(isWorker ? { fd: INHERITED } : place) });
  return serveUntilStopped(application, serveHere, life).catch(refuse);
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

/** Returns the seconds of an option as milliseconds. */
function secondsToMs(option: string, text: string | undefined): number | undefined {
  const number = toNumber(option, text);
  return number === undefined ? undefined : number * 1000;
}

type Defined<Values> = { [Name in keyof Values]: Exclude<Values[Name], undefined> };

function withoutUndefined<Values extends object>(values: Values): Partial<Defined<Values>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Defined<Values>>;
}
