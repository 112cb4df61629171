// An application of Hono.

import { Hono } from 'hono';
import { runWithCgi } from 'run-with-cgi';
import { fromFetch } from 'run-with-cgi/fetch';

const app = new Hono();
app.get('/', (c) => c.text('Hello from Hono!\n'));
app.get('/greet/:name', (c) => c.json({ hello: c.req.param('name') }));
app.post('/echo', async (c) => c.body(await c.req.arrayBuffer()));

runWithCgi(fromFetch(app));
