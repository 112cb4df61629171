// An application of the Fetch kind: Request in, Response out.

import { runWithCgi } from 'run-with-cgi';
import { fromFetch } from 'run-with-cgi/fetch';

async function application(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (request.method === 'POST') return Response.json({ received: await request.text() }, { status: 201 });
  return Response.json({ pathname, query: Object.fromEntries(searchParams) });
}

runWithCgi(fromFetch(application));
