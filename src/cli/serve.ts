// run-with-cgi serve: a development server for an application or for a folder of CGI programs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { resolve } from 'node:path';
import { codeOf } from '../error-code.ts';
import { isFolder } from '../file-type.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { cgiBin, cgiScript } from '../host/index.ts';
import { UserError } from '../load/user-error.ts';
import { urlMap } from '../middleware/index.ts';
import { ApplicationServer } from '../server/server.ts';
import type { Application } from '../types.ts';
import { LISTENS } from '../withheld-ports.ts';
import { DRAIN, onUncaught } from '../workers/uncaught.ts';
import { parseArguments } from './arguments.ts';
import { applicationOf, checkPrograms } from './target.ts';

export const usage = `Usage: run-with-cgi serve <app or folder> [options]

Serves an application on a local port. The executable files of a folder are
served as CGI programs below /cgi-bin/, with a process for each request.

  --host <address>     the address to listen on. Default: 127.0.0.1
  -p, --port <number>  the port; 0 for any free one. Default: 8000, or the next
                       free one
  --cgi                run the application as a CGI script, with a process for
                       each request
  --watch              start again when a loaded file has changed
  --interface <kind>   wsgi, fetch or node, if another kind is guessed
`;

export const options = {
  host: { type: 'string' },
  port: { type: 'string', short: 'p' },
  cgi: { type: 'boolean' },
  watch: { type: 'boolean' },
  interface: { type: 'string' },
} as const;

/** The path of this command. Taken here, since process.argv is the application's own once that is loaded. */
const [, MAIN = ''] = process.argv;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, options);
  const [target, ...more] = positionals;
  if (more.length > 0) throw new UserError('option-wrong', `Name one application; ${more.join(' ')} is too much`);
  if (values.watch) return watch(args.filter((arg) => arg !== '--watch'));
  const { application, origin, prefix } = await findApplication(target, values.cgi ?? false, values.interface);

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
  // In the message, "app.mjs, a Fetch handler" gets a comma behind it, too.
  const source = origin.includes(', ') ? `${origin},` : origin;
  console.log(`Serving ${source} at http://${host.includes(':') ? `[${host}]` : host}:${port}${prefix}\nCtrl-C ends it.`);
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
  server.on('error', (error) => errors.write(formatFailure('server', error))); // a connection could not be accepted
  await new Promise((resolve) => server.on('close', resolve));
  return status;
}

async function findApplication(
  target: string | undefined,
  asScript: boolean,
  kind: string | undefined,
): Promise<{ application: Application; origin: string; prefix: string }> {
  if (target !== undefined && isFolder(target)) {
    checkPrograms(target);
    return {
      application: urlMap({ '/cgi-bin': cgiBin(target, { passAuthorization: true }) }),
      origin: `the folder ${target}`,
      prefix: '/cgi-bin/',
    };
  }
  const { application, origin } = await applicationOf(target, kind);
  if (!asScript) return { application, origin, prefix: '/' };
  // Each process loads the module by this command, as the interpreter of a script does.
  const interpreter = [process.execPath, MAIN];
  return {
    application: cgiScript(resolve(target ?? ''), {
      interpreter,
      passAuthorization: true,
      ...(kind && { env: { RUN_WITH_CGI_INTERFACE: kind } }),
    }),
    origin: `${origin}, a process for each request`,
    prefix: '/',
  };
}

/** Listens on the port `wanted`, or on the first free one from 8000 to 8100. Throws a `UserError` where it cannot. */
async function listen(host: string, wanted: string | undefined, application: Application): Promise<Server> {
  if (wanted !== undefined && !(/^\d+$/.test(wanted) && Number(wanted) <= 65_535)) {
    throw new UserError('option-wrong', `A port must be a number up to 65535, got ${wanted}`);
  }
  for (let port = Number(wanted ?? 8000); ; port++) {
    const server = Object.assign(new ApplicationServer(host, application, {}), { [LISTENS]: true }).listen(port, host);
    try {
      await once(server, 'listening');
      return server;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EADDRINUSE' && wanted === undefined && port < 8100) continue;
      if (code === 'EADDRINUSE') throw new UserError('address-in-use', `Port ${port} is in use; --port 0 takes any free port`);
      if (code === 'EACCES') throw new UserError('address-not-allowed', `Port ${port} needs privileges; take a port above 1023`);
      throw new UserError('address-not-allowed', `${host} is not an address of this machine`, { cause: error });
    }
  }
}

/** Runs the same command under node --watch, which starts it again when a loaded file changes. */
async function watch(args: string[]): Promise<number> {
  const child = spawn(process.execPath, ['--watch', '--watch-preserve-output', MAIN, 'serve', ...args], { stdio: 'inherit' });
  // Ctrl-C in a terminal sends SIGINT to the child, too: this process ends after the child.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill());
  const [code] = await once(child, 'exit');
  return Number(code ?? 0);
}
