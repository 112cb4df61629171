// Redirects: to the URL path in ?to=, or to hello.cgi beside this script; ?status= chooses the kind.

import { type Application, runWithCgi } from 'run-with-cgi';

const KINDS: Readonly<Record<string, string>> = {
  301: '301 Moved Permanently',
  302: '302 Found',
  303: '303 See Other',
  307: '307 Temporary Redirect',
  308: '308 Permanent Redirect',
};

const application: Application = (environ, startResponse) => {
  const query = new URLSearchParams(environ.QUERY_STRING);
  const status = KINDS[query.get('status') ?? '302'];
  const to = query.get('to') ?? environ.SCRIPT_NAME.replace(/[^/]*$/, 'hello.cgi');
  // Only paths of this site: "//host" and "/\host" are other sites to a browser.
  if (status === undefined || !/^\/(?![/\\])[!-~]*$/.test(to)) {
    startResponse('400 Bad Request', [['Content-Type', 'text/plain']]);
    return 'to must be a path of this site, status a redirect\n';
  }
  startResponse(status, [
    ['Location', to],
    ['Content-Type', 'text/plain'],
  ]);
  return `Go to ${to}\n`;
};

runWithCgi(application);
