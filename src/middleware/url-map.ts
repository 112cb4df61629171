// Several applications in one: by host, and by the longest prefix of the path.

import { stripPathPrefix } from '../environ/path.ts';
import { toFunction } from '../gateway/application.ts';
import type { Application, ApplicationFunction, Environ } from '../types.ts';

interface Place {
  host: string | undefined;
  /** "" for the root; never ends in "/", and has no empty segments. A byte string, as PATH_INFO is. */
  path: string;
  application: ApplicationFunction;
}

/**
 * Returns an application that passes each request on to the application whose place it falls into. A place
 * is a path, "/blog", or a host with one, "example.org/blog"; text. Paths are compared by whole segments,
 * empty ones passed over, and a longer one wins; a place with a host wins over one without; a host without a port
 * stands for all.
 *
 * What is called gets a copy of environ, in which the place has gone over from PATH_INFO to SCRIPT_NAME.
 * Where there is no place for a request, the answer is 404. Throws a `TypeError` for a place that is neither.
 */
export function urlMap(applications: Readonly<Record<string, Application>>): ApplicationFunction {
  const places = Object.entries(applications)
    .map(([place, application]) => parse(place, application))
    // Of one host the longer name is that with a port.
    .sort((one, other) => (other.host?.length ?? 0) - (one.host?.length ?? 0) || other.path.length - one.path.length);

  return (environ, startResponse) => {
    for (const { host, path, application } of places) {
      const rest = isHost(host, environ) ? stripPathPrefix(environ.PATH_INFO, path) : undefined;
      if (rest === undefined) continue;
      const SCRIPT_NAME = environ.SCRIPT_NAME + path;
      const PATH_INFO = rest || (SCRIPT_NAME === '' ? '/' : '');
      return application(Object.assign(Object.create(null), environ, { SCRIPT_NAME, PATH_INFO }), startResponse);
    }
    startResponse('404 Not Found', [['Content-Type', 'text/plain']]);
    return '404 Not Found\n';
  };
}

function parse(place: string, application: Application): Place {
  const [, host, path] = /^(?:(?:https?:\/\/)?([^/]+))?(\/.*)?$/i.exec(place) ?? [];
  if (host === undefined && path === undefined) {
    throw new TypeError(`A place is "/path" or "host/path", got ${JSON.stringify(place)}`);
  }
  return {
    host: host?.toLowerCase(),
    path: Buffer.from(path ?? '')
      .toString('latin1')
      .replace(/\/+/g, '/')
      .replace(/\/$/, ''),
    application: toFunction(application),
  };
}

function isHost(host: string | undefined, environ: Environ): boolean {
  if (host === undefined) return true;
  const asked = String(environ.HTTP_HOST || environ.SERVER_NAME).toLowerCase();
  return asked === host || asked.replace(/:\d+$/, '') === host;
}
