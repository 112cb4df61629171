// A Fetch application of the fault harness.

import { Hono } from 'hono';

const app = new Hono();
app.get('/', (c) => c.text('hello\n'));
app.post('/', async (c) => c.body(await c.req.arrayBuffer()));

export default app;
