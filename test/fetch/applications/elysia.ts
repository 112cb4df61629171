// The routes of the comparison, in Elysia.

import { Elysia, redirect, status } from 'elysia';
import { BYTES, blocks, describeForm, noted, PAGE, streamOf } from './parts.ts';

const text = ({ body }: { body: unknown }) => String(body);

export default new Elysia()
  .onError(({ code, error }) => (code === 'UNKNOWN' ? new Response(`failed: ${error.message}`, { status: 500 }) : undefined))
  .group('/wrapped', (group) =>
    group
      .onAfterHandle(({ set }) => {
        set.headers['x-wrapped'] = 'yes';
      })
      .get('/text', () => 'inside')
      .get('/response', () => new Response('its own', { status: 202, headers: { 'X-Own': '1' } })),
  )
  .get('/text', () => 'grün €')
  .get('/html', () => new Response(PAGE, { headers: { 'Content-Type': 'text/html; charset=utf-8' } }))
  .get('/json', ({ set }) => {
    set.status = 201;
    return { a: [1, 'ü'], b: null };
  })
  .get('/bytes', () => BYTES)
  .get('/empty', () => status(204))
  .get('/redirect', () => redirect('http://localhost/text?a=b%20c', 307))
  .get('/throw', () => {
    throw new Error('thrown');
  })
  .get('/refuse', () => status(418, 'short and stout'))
  .get('/cookies', ({ cookie: { a, b, c } }) => {
    const given = Object.fromEntries(Object.entries({ a, b, c }).map(([name, cookie]) => [name, cookie?.value]));
    a?.set({ value: '1', path: '/', httpOnly: true });
    b?.set({ value: 'ü, x', maxAge: 60, sameSite: 'lax' });
    c?.set({ value: '3' });
    return given;
  })
  .get('/params/:one/:two', ({ params }) => params)
  .get('/query', ({ query }) => query)
  .get('/request', ({ request, path, headers }) => [request.method, request.url, path, headers, noted(request)])
  .get('/stream', blocks)
  .get('/readable', () => new Response(streamOf(blocks())))
  .all('/method', ({ request }) => request.method)
  .post('/body/text', text, { parse: 'text' })
  .post('/body/json', ({ body }) => body, { parse: 'json' })
  .post('/body/form', async ({ request }) => describeForm(await request.formData()), { parse: 'none' })
  .post('/body/parsed', ({ body }) => Object.keys(Object(body)))
  .post('/body/bytes', ({ body }) => new Response(body as ArrayBuffer), { parse: 'arrayBuffer' })
  .post('/body/pipe', ({ request }) => new Response(request.body), { parse: 'none' })
  .post('/body/clone', async ({ request }) => [await request.clone().text(), await request.text()], { parse: 'none' })
  .post('/body/unread', () => 'not read', { parse: 'none' });
