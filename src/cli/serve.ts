// run-with-cgi serve: the development server, over an application or over a folder of CGI programs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { resolve } from 'node:path';
import { errorStream } from '../gateway/error-stream.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { cgiBin, cgiScript } from '../host/index.ts';
import { UserError } from '../load/user-error.ts';
import { urlMap } from '../middleware/index.ts';
import { LISTENS } from '../ports.ts';
import { ApplicationServer } from '../server/server.ts';
import type { Application } from '../types.ts';
import { DRAIN, onUncaught } from '../workers/uncaught.ts';
import { parseArguments } from './arguments.ts';
import { applicationOf, checkPrograms, isFolder } from './target.ts';

export const usage = `Usage: run-with-cgi serve <app or folder> [options]

Serves an application on a local port. Of a folder, the executable files are
served as CGI programs below /cgi-bin/, a process for each request.

  --host <address>  where to listen; 127.0.0.1
  -p, --port <number>
                    8000, or the next free one; 0 for any
  --cgi             run the application as a CGI script, a process a request
  --watch           start again when a file that was loaded has changed
  --interface <kind>
                    wsgi, fetch or node, where the application does not show it
`;

const options = {
  host: { type: 'string' },
  port: { type: 'string', short: 'p' },
  cgi: { type: 'boolean' },
  watch: { type: 'boolean' },
  interface: { type: 'string' },
} as const;

/** Before the application has a command line of its own. */
const [, MAIN = ''] = process.argv;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, options);
  const [target, ...more] = positionals;
  if (more.length > 0) throw new UserError('option-wrong', `One application can be served, and ${more.join(' ')} is too much`);
  if (values.watch) return watch(args.filter((arg) => arg !== '--watch'));
  const { application, origin, prefix } = await served(target, values.cgi ?? false, values.interface);

  const { host = '127.0.0.1' } = values;
  const server = await listen(host, values.port, application);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : values.port;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    let isAgain = false;
    process.on(signal, () => {
      if (isAgain) server.closeAllConnections();
      else server.close();
      isAgain = true;
    });
  }
  const what = origin.replace(/(, .*[^,])$/, '$1,');
  console.log(`Serving ${what} at http://${host.includes(':') ? `[${host}]` : host}:${port}${prefix}\nCtrl-C ends it.`);
  let status = 0;
  const errors = errorStream(process.stderr);
  onUncaught({
    name: 'server',
    errors,
    deadline: DRAIN,
    leave() {
      status = 1;
      server.close();
      setTimeout(() => server.closeAllConnections(), DRAIN);
    },
  });
  server.on('error', (error) => errors.write(formatFailure('server', error))); // one connection could not be accepted
  await new Promise((resolve) => server.on('close', resolve));
  return status;
}

async function served(
  target: string | undefined,
  asScript: boolean,
  wanted: string | undefined,
): Promise<{ application: Application; origin: string; prefix: string }> {
  if (target !== undefined && isFolder(target)) {
    checkPrograms(target);
    return {
      application: urlMap({ '/cgi-bin': cgiBin(target, { passAuthorization: true }) }),
      origin: `the folder ${target}`,
      prefix: '/cgi-bin/',
    };
  }
  const { application, origin } = await applicationOf(target, wanted);
  if (!asScript) return { application, origin, prefix: '/' };
  // This command is the interpreter of scripts, too.
  const interpreter = [process.execPath, MAIN];
  return {
    application: cgiScript(resolve(target ?? ''), {
      interpreter,
      passAuthorization: true,
      ...(wanted && { env: { RUN_WITH_CGI_INTERFACE: wanted } }),
    }),
    origin: `${origin}, a process for each request,`,
    prefix: '/',
  };
}

/** On `wanted`, or on the first free port from 8000 on. */
async function listen(host: string, wanted: string | undefined, application: Application): Promise<Server> {
  if (wanted !== undefined && !(/^\d+$/.test(wanted) && Number(wanted) <= 65_535)) {
    throw new UserError('option-wrong', `A port is a number up to 65535, got ${wanted}`);
  }
  for (let port = Number(wanted ?? 8000); ; port++) {
    const server = Object.assign(new ApplicationServer(host, application, {}), { [LISTENS]: true }).listen(port, host);
    try {
      await once(server, 'listening');
      return server;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EADDRINUSE' && wanted === undefined && port < 8100) continue;
      if (code === 'EADDRINUSE') throw new UserError('address-in-use', `Port ${port} is taken; --port 0 takes any that is free`);
      if (code === 'EACCES') throw new UserError('address-not-allowed', `Port ${port} needs privileges; take one above 1023`);
      throw new UserError('address-not-allowed', `${host} is no address of this machine to listen on`, { cause: error });
    }
  }
}

/** The same command under node --watch, which knows the files that were loaded. */
async function watch(args: string[]): Promise<number> {
  const child = spawn(process.execPath, ['--watch', '--watch-preserve-output', MAIN, 'serve', ...args], { stdio: 'inherit' });
  // A terminal sends SIGINT to the child as well.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill());
  const [code] = await once(child, 'exit');
  return Number(code ?? 0);
}
