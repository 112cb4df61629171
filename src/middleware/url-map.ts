// urlMap(): several applications in one, chosen by the host and by the longest prefix of the path.

import { encodeUtf8 } from '../environ/byte-string.ts';
import { stripPathPrefix } from '../environ/path.ts';
import { toFunction } from '../gateway/application.ts';
import type { Application, ApplicationFunction, Environ } from '../types.ts';

/** Where an application is mounted. */
interface Mount {
  /** In lower case; undefined for every host. */
  host: string | undefined;
  /** "" for the root. Never ends in "/", and has no empty segments. A byte string, as PATH_INFO is. */
  path: string;
  application: ApplicationFunction;
}

/**
 * Returns an application that passes each request on to one of `applications`. A key is a path, "/blog", or a host with or
 * without a path, "example.org/blog". Paths are compared by whole segments, without empty ones. A key with a host wins over one
 * without, and a longer path over a shorter one. A host without a port matches every port.
 *
 * The application gets a copy of environ, in which the path of its key has moved from PATH_INFO to SCRIPT_NAME. A request that
 * matches no key gets a 404. Throws a `TypeError` for a key that is neither path nor host.
 */
export function urlMap(applications: Readonly<Record<string, Application>>): ApplicationFunction {
  const mounts = Object.entries(applications)
    .map(([place, application]) => parseMount(place, application))
    // A host with a port is longer than the same host without, and so comes first.
    .sort((one, other) => (other.host?.length ?? 0) - (one.host?.length ?? 0) || other.path.length - one.path.length);

  return (environ, startResponse) => {
    for (const { host, path, application } of mounts) {
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

function parseMount(place: string, application: Application): Mount {
  const [, host, path] = /^(?:(?:https?:\/\/)?([^/]+))?(\/.*)?$/i.exec(place) ?? [];
  if (host === undefined && path === undefined) {
    throw new TypeError(`A place is "/path" or "host/path", got ${JSON.stringify(place)}`);
  }
  return {
    host: host?.toLowerCase(),
    path: encodeUtf8(path ?? '')
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
