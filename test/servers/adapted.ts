// The applications that test scripts and resident applications share: one for each adapter, which answers with the path that it
// sees, and one that redirects.

import type { ApplicationFunction } from 'run-with-cgi';
import { fromFetch } from 'run-with-cgi/fetch';
import { forward, urlMap } from 'run-with-cgi/middleware';
import { fromNode } from 'run-with-cgi/node';

/** Answers with the status and the Location of the query: "302 Found&..%2Fpath". */
export const redirecting: ApplicationFunction = (environ, startResponse) => {
  const [status = '', location = ''] = environ.QUERY_STRING.split('&').map(decodeURIComponent);
  startResponse(status, [
    ['Content-Type', 'text/plain'],
    ['Location', location],
  ]);
  return 'the page\n';
};

export const adapted: ApplicationFunction = urlMap({
  '/environ': (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return Buffer.from(environ.PATH_INFO, 'latin1');
  },
  '/fetch': fromFetch((request) => new Response(new URL(request.url).pathname)),
  '/node': fromNode(({ url = '' }, response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.end(url.replace(/\?.*/, ''));
  }),
  /** Forwards to the HTTP server on the port that the query names; that server answers with the path it is sent. */
  '/forward': (environ, startResponse) => forward([`http://127.0.0.1:${environ.QUERY_STRING}`])(environ, startResponse),
});
