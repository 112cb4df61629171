import { Hono } from 'hono';
import { request } from 'undici';

const upstream = process.env.UPSTREAM;

const app = new Hono();

// Node's own fetch
app.get('/user/:id', async (c) => {
  const response = await fetch(`${upstream}/users/${c.req.param('id')}`);
  const { id } = await response.json();
  return c.json({ id, type: response.headers.get('content-type') });
});

// The response passed on as it is
app.post('/proxy', async (c) => {
  return fetch(`${upstream}/echo`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: await c.req.text() });
});

// undici
app.get('/undici/:id', async (c) => {
  const { statusCode, body } = await request(`${upstream}/users/${c.req.param('id')}`);
  return c.json({ statusCode, id: (await body.json()).id });
});

export default app;
