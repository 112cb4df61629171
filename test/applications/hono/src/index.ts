import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';

const app = new Hono();

app.get('/', (c) => {
  return c.text('Hello Hono!');
});

app.get('/users/:id', (c) => c.json({ id: c.req.param('id'), path: c.req.path, page: c.req.query('page') }));

app.post('/users', async (c) => {
  const form = await c.req.parseBody();
  return c.json({ created: form.name }, 201, { 'X-Custom': 'yes' });
});

app.get('/go', (c) => c.redirect('/users/1'));

app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    for (const id of ['1', '2']) await stream.writeSSE({ id, event: 'tick', data: `tick ${id}` });
  }),
);

serve({ fetch: app.fetch, port: 3000 }, (info) => {
  console.log(`Server is running on http://localhost:${info.port}`);
});
