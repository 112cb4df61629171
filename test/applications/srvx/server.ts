import { serve } from 'srvx';

const server = serve({
  port: 3000,
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === '/ip') return Response.json({ ip: request.ip });
    if (request.method === 'POST') return new Response((await request.text()).toUpperCase(), { status: 201 });
    return new Response(`👋 ${url.pathname}`, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
  },
});

await server.ready();
