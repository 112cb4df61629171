// run-with-cgi fastcgi and run-with-cgi scgi: an application that stays, for a web server that connects to it.

import cluster from 'node:cluster';
import type { Server } from 'node:net';
import type { ResidentOptions } from '../resident/gateway.ts';
import { serveUntilTold } from '../resident/serve.ts';
import { runWorkers } from '../resident/workers.ts';
import type { ApplicationFunction } from '../types.ts';
import { read } from './commands.ts';
import { Problem } from './problem.ts';
import { applicationOf } from './target.ts';

export function usageOf(name: string, protocol: string): string {
  return `Usage: run-with-cgi ${name} <app> [options]

Serves an application to a web server by ${protocol}. Without --socket or --port it
listens on descriptor 0, as spawn-fcgi and web servers leave it.

  --socket <path>      a Unix socket; one that nobody listens on is replaced
  --mode <octal>       its permissions; 660
  --port <number>      a TCP port
  --host <address>     its address; 127.0.0.1
  --workers <number>   processes that share the work; 1
  --max-requests <n>   a process is replaced after so many requests
  --idle-exit <s>      ends after so many seconds without a request
  --grace <s>          after SIGTERM, how long connections that are open are
                       served, for a load balancer to notice; 0
  --timeout <ms>       how long an application may wait for things
  --max-body <bytes>   a larger request body is answered with 413
  --script-name <path> where the application is mounted, if the server does not
                       say
  --interface <kind>   wsgi, fetch or node, where the application does not show
                       it

SIGTERM and SIGUSR1 let running requests finish; SIGHUP replaces the workers,
one by one, with the new code.
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
  timeout: { type: 'string' },
  'max-body': { type: 'string' },
  'script-name': { type: 'string' },
  interface: { type: 'string' },
} as const;

type Serve = (application: ApplicationFunction, options: ResidentOptions) => Server;

export async function runResident(name: string, serve: Serve, words: string[]): Promise<number> {
  const { values, positionals } = read(words, options);
  const [target, ...more] = positionals;
  if (more.length > 0) throw new Problem('option-wrong', `One application can be served, and ${more.join(' ')} is too much`);
  if (values.socket !== undefined && values.port !== undefined)
    throw new Problem('option-wrong', '--socket and --port are two places; give one');
  const workers = toNumber('--workers', values.workers) ?? 1;
  const say = (line: string) => void process.stderr.write(`${name}: ${line}\n`);
  const idleExit = seconds('--idle-exit', values['idle-exit']);
  const grace = seconds('--grace', values.grace);
  const isAlone = workers === 1 && !cluster.isWorker;
  const settings = withoutUndefined({
    socket: values.socket,
    mode: values.mode === undefined ? undefined : Number.parseInt(values.mode, 8),
    port: toNumber('--port', values.port),
    host: values.host,
    fd: values.socket === undefined && values.port === undefined ? 0 : undefined,
    grace,
    timeout: toNumber('--timeout', values.timeout),
    maxBodySize: toNumber('--max-body', values['max-body']),
    scriptName: values['script-name'],
    multiprocess: !isAlone || undefined,
  });
  const life = {
    maxRequests: toNumber('--max-requests', values['max-requests']),
    idleExit,
  };

  if (!isAlone && cluster.isPrimary) {
    await applicationOf(target, values.interface); // what is wrong with it is said once, and not by each worker
    await runWorkers(workers, grace ?? 0, say);
    return 0;
  }
  const { application, options: given } = await applicationOf(target, values.interface);
  const env = given.env === undefined ? {} : { env: given.env };
  await serveUntilTold(application, (counted) => serve(counted, { ...env, ...settings }), life).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw new Problem('address-in-use', `Somebody listens on ${values.socket ?? values.port} already`);
    if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL') throw new Problem('address-not-allowed', error.message);
    if (values.socket === undefined && values.port === undefined) {
      throw new Problem('option-wrong', 'Descriptor 0 is no socket that listens; give --socket or --port');
    }
    throw error;
  });
  return 0;
}

function toNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new Problem('option-wrong', `${option} must be a number, got ${text}`);
  return Number(text);
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
