// The routes of the comparison, in Hono.

import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { HTTPException } from 'hono/http-exception';
import { stream, streamSSE } from 'hono/streaming';
import { BYTES, blocks, describeForm, noted, PAGE, streamOf } from './parts.ts';

const app = new Hono();
app.use('/wrapped/*', async (c, next) => {
  await next();
  c.res.headers.append('X-Wrapped', 'yes');
  c.header('X-Status', String(c.res.status));
});
app.get('/wrapped/text', (c) => c.text('inside'));
app.get('/wrapped/response', () => new Response('its own', { status: 202, headers: { 'X-Own': '1' } }));
app.get('/text', (c) => c.text('grün €'));
app.get('/html', (c) => c.html(PAGE));
app.get('/json', (c) => c.json({ a: [1, 'ü'], b: null }, 201));
app.get('/bytes', (c) => c.body(BYTES, 200, { 'Content-Type': 'application/octet-stream' }));
app.get('/empty', (c) => c.body(null, 204));
app.get('/redirect', (c) => c.redirect('http://localhost/text?a=b%20c', 307));
app.get('/throw', () => {
  throw new Error('thrown');
});
app.get('/refuse', () => {
  throw new HTTPException(418, { message: 'short and stout' });
});
app.get('/cookies', (c) => {
  setCookie(c, 'a', '1', { path: '/', httpOnly: true });
  setCookie(c, 'b', 'ü, x', { maxAge: 60, sameSite: 'Lax' });
  deleteCookie(c, 'c');
  return c.json(getCookie(c));
});
app.get('/params/:one/:two', (c) => c.json(c.req.param()));
app.get('/query', (c) => c.json([c.req.query(), c.req.queries('a')]));
app.get('/request', (c) => c.json([c.req.method, c.req.url, c.req.path, c.req.header(), noted(c.req.raw)]));
app.get('/stream', (c) =>
  stream(c, async (out) => {
    for await (const block of blocks()) await out.write(block);
  }),
);
app.get('/readable', () => new Response(streamOf(blocks())));
app.get('/events', (c) =>
  streamSSE(c, async (out) => {
    await out.writeSSE({ event: 'one', data: 'first', id: '1' });
    await out.writeSSE({ data: 'second\nline' });
  }),
);
app.all('/method', (c) => c.text(c.req.method));
app.post('/body/text', async (c) => c.text(await c.req.text()));
app.post('/body/json', async (c) => c.json(await c.req.json()));
app.post('/body/form', async (c) => c.json(await describeForm(await c.req.formData())));
app.post('/body/parsed', async (c) => c.json(Object.keys(await c.req.parseBody())));
app.post('/body/bytes', async (c) => c.body(await c.req.arrayBuffer()));
app.post('/body/pipe', (c) => new Response(c.req.raw.body));
app.post('/body/clone', async (c) => c.json([await c.req.raw.clone().text(), await c.req.text()]));
app.post('/body/unread', (c) => c.text('not read'));
app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text(`failed: ${error.message}`, 500)));

export default app;
