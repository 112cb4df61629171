// The same small application in each framework, with a route for everything that adapters get wrong.

import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import connect from 'connect';
import express from 'express';
import fastify, { type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import Koa from 'koa';

const BIG = 'big '.repeat(250_000);
const BYTES = Buffer.from(Uint8Array.from({ length: 256 }, (_, at) => at));

async function* pieces(): AsyncGenerator<Buffer> {
  for (let count = 0; count < 3; count++) {
    yield Buffer.from(`piece ${count}\n`);
    await sleep(5);
  }
}

export function expressApplication(): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/text', (_request, response) => void response.send('grün'));
  app.get('/json', (_request, response) => void response.json({ a: [1, 'ü'] }));
  app.get('/buffer', (_request, response) => void response.send(BYTES));
  app.get('/empty', (_request, response) => void response.status(204).end());
  app.get('/teapot', (_request, response) => void response.status(418).send('short and stout'));
  app.get('/redirect', (_request, response) => response.redirect(301, '/text?a=b'));
  app.get('/cookies', (_request, response) => void response.cookie('a', '1').cookie('b', 'ü', { httpOnly: true }).send('set'));
  app.get('/query', (request, response) => void response.json(request.query));
  app.get('/params/:one/:two', (request, response) => void response.json(request.params));
  app.get('/info', (request, response) => {
    const { ip, protocol, secure, hostname, originalUrl, baseUrl, path, method, httpVersion } = request;
    response.json({ ip, protocol, secure, hostname, originalUrl, baseUrl, path, method, httpVersion });
  });
  app.get('/headers', (request, response) => void response.json(request.headers));
  app.get('/latin1', (_request, response) => void response.set('X-Name', 'D\xfcrer').send(BYTES));
  app.get('/big', (_request, response) => void response.send(BIG));
  app.get('/stream', (_request, response) => void Readable.from(pieces()).pipe(response.type('text/plain')));
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/reject', async () => {
    throw Object.assign(new Error('rejected'), { status: 422 });
  });
  app.get('/head', (_request, response) => void response.writeHead(202, 'Taken', { 'X-A': ['1', '2'], 'Content-Type': 'a/b' }).end('x'));
  app.all('/method', (request, response) => void response.send(request.method));
  app.post('/json', express.json({ limit: '3mb' }), (request, response) => void response.json(request.body));
  app.post('/form', express.urlencoded(), (request, response) => void response.json(request.body));
  app.post('/hash', (request, response) => {
    const hash = createHash('sha256');
    request.on('data', (block) => hash.update(block)).on('end', () => response.send(hash.digest('hex')));
  });
  app.post('/pipe', (request, response) => void request.pipe(response.type('application/octet-stream')));
  app.post('/ignore', (_request, response) => void response.send('not read'));
  // Without the stack, which differs from place to place.
  app.use((error: Error & { status?: number }, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(error.status ?? 500).send(`failed: ${error.message}`);
  });
  return app;
}

export function connectApplication(): connect.Server {
  const app = connect();
  app.use((_request, response, next) => {
    response.setHeader('X-First', 'connect');
    next();
  });
  app.use('/info', (request, response) => response.end([request.url, request.originalUrl].join()));
  app.use('/throw', () => {
    throw new Error('thrown');
  });
  app.use('/reject', (_request, _response, next) => next(Object.assign(new Error('rejected'), { status: 422 })));
  // Without the stack, which differs from place to place.
  app.use(((error: Error & { status?: number }, _request, response, _next) => {
    response.statusCode = error.status ?? 500;
    response.end(`failed: ${error.message}`);
  }) satisfies connect.ErrorHandleFunction);
  // Connect answers unknown paths itself.
  app.use((request, response, next) => (/^\/(?:nowhere|text\/)/.test(request.url ?? '') ? next() : plainListener(request, response)));
  return app;
}

export function koaApplication(): Koa {
  const app = new Koa();
  app.silent = true;
  app.use(async (context) => {
    const { path, method } = context;
    if (path === '/text') context.body = 'grün';
    else if (path === '/json' && method === 'GET') context.body = { a: [1, 'ü'] };
    else if (path === '/buffer') context.body = BYTES;
    else if (path === '/empty') context.status = 204;
    else if (path === '/teapot') [context.status, context.body] = [418, 'short and stout'];
    else if (path === '/redirect') context.redirect('/text?a=b');
    else if (path === '/cookies') {
      context.cookies.set('a', '1');
      context.cookies.set('b', 'u', { httpOnly: false });
      context.body = 'set';
    } else if (path === '/query') context.body = context.query;
    else if (path === '/info') {
      const { ip, protocol, secure, hostname, originalUrl, url, href } = context;
      context.body = { ip, protocol, secure, hostname, originalUrl, url, href };
    } else if (path === '/headers') context.body = context.headers;
    else if (path === '/latin1') {
      context.set('X-Name', 'D\xfcrer');
      context.body = BYTES;
    } else if (path === '/big') context.body = BIG;
    else if (path === '/stream') [context.type, context.body] = ['text/plain', Readable.from(pieces())];
    else if (path === '/throw') throw new Error('thrown');
    else if (path === '/reject') context.throw(422, 'rejected');
    else if (path === '/head') {
      context.respond = false;
      context.res.writeHead(202, 'Taken', ['X-A', '1', 'X-A', '2', 'Content-Type', 'a/b']).end('x');
    } else if (path === '/method') context.body = method;
    else if (path === '/hash') {
      const hash = createHash('sha256');
      for await (const block of context.req) hash.update(block);
      context.body = hash.digest('hex');
    } else if (path === '/pipe') [context.type, context.body] = ['application/octet-stream', context.req];
    else if (path === '/ignore') context.body = 'not read';
  });
  return app;
}

export function fastifyApplication(): FastifyInstance {
  const app = fastify({ bodyLimit: 3_000_000 });
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))));
  });
  app.get('/text', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('grün'));
  app.get('/json', async () => ({ a: [1, 'ü'] }));
  app.get('/buffer', async () => BYTES);
  app.get('/empty', async (_request, reply) => reply.code(204).send());
  app.get('/teapot', async (_request, reply) => reply.code(418).send('short and stout'));
  app.get('/redirect', async (_request, reply) => reply.redirect('/text?a=b', 301));
  app.get('/cookies', async (_request, reply) => reply.header('set-cookie', ['a=1', 'b=2; HttpOnly']).send('set'));
  app.get('/query', async (request) => request.query);
  app.get('/params/:one/:two', async (request) => request.params);
  app.get('/info', async ({ ip, protocol, hostname, host, originalUrl, url, method }) => ({
    ip,
    protocol,
    hostname,
    host,
    originalUrl,
    url,
    method,
  }));
  app.get('/headers', async (request) => request.headers);
  app.get('/latin1', async (_request, reply) => reply.header('X-Name', 'D\xfcrer').send(BYTES));
  app.get('/big', async () => BIG);
  app.get('/stream', async (_request, reply) => reply.type('text/plain').send(Readable.from(pieces())));
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/reject', async () => {
    throw Object.assign(new Error('rejected'), { statusCode: 422 });
  });
  app.get('/head', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(202, 'Taken', { 'X-A': ['1', '2'], 'Content-Type': 'a/b' }).end('x');
  });
  app.route({ method: ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], url: '/method', handler: async (request) => request.method });
  app.post('/json', async (request) => request.body);
  app.post('/form', async (request) => request.body);
  app.post('/hash', async (request) => {
    const hash = createHash('sha256');
    for await (const block of request.body as Readable) hash.update(block);
    return hash.digest('hex');
  });
  app.post('/pipe', async (request, reply) => reply.type('application/octet-stream').send(request.body));
  app.post('/ignore', async () => 'not read');
  return app;
}

export const plainListener: RequestListener = (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://a');
  if (pathname === '/text') response.setHeader('Content-Type', 'text/plain; charset=utf-8').end('grün');
  else if (pathname === '/json') response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"a":1}');
  else if (pathname === '/buffer') response.end(BYTES);
  else if (pathname === '/empty') response.writeHead(204).end();
  else if (pathname === '/teapot') response.writeHead(418, { 'X-A': 'b' }).end('short and stout');
  else if (pathname === '/redirect') response.writeHead(302, { Location: '/text' }).end();
  else if (pathname === '/cookies') response.setHeader('Set-Cookie', ['a=1', 'b=2']).end('set');
  else if (pathname === '/query') response.end(request.url);
  else if (pathname === '/info') {
    const { remoteAddress, localAddress } = request.socket;
    response.end([request.method, request.url, request.httpVersion, remoteAddress, localAddress, request.headers.host].join());
  } else if (pathname === '/headers') response.end(JSON.stringify(request.headers));
  else if (pathname === '/latin1') response.setHeader('X-Name', 'D\xfcrer').end(BYTES);
  else if (pathname === '/latin1-text') response.setHeader('X-Name', 'D\xfcrer').end('text');
  else if (pathname === '/latin1-latin1') response.setHeader('X-Name', 'D\xfcrer').end('D\xfcrer', 'latin1');
  else if (pathname === '/latin1-head') response.setHeader('X-Name', 'D\xfcrer').end();
  else if (pathname === '/reason') response.writeHead(299, 'Sch\xf6n').end(BYTES);
  else if (pathname === '/big') response.end(BIG);
  else if (pathname === '/stream') {
    response.flushHeaders();
    Readable.from(pieces()).pipe(response);
  } else if (pathname === '/head') response.writeHead(202, 'Taken', ['X-A', '1', 'X-A', '2', 'Content-Type', 'a/b']).end('x');
  else if (pathname === '/method') response.end(request.method);
  else if (pathname === '/early') {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
    response.writeProcessing();
    response.end('early');
  } else if (pathname === '/trailers') {
    response.writeHead(200, { Trailer: 'X-T', 'Transfer-Encoding': 'chunked' });
    response.write('one, ');
    response.addTrailers({ 'X-T': 'y' });
    response.end('two');
  } else if (pathname === '/length') response.writeHead(200, { 'Content-Length': 3 }).end('abc');
  else if (pathname === '/pieces') {
    response.write('a');
    response.write(Buffer.from('b'));
    response.write('fc', 'latin1', () => response.end('636f', 'hex'));
  } else if (pathname === '/nothing') response.end();
  else if (pathname === '/pipe') request.pipe(response);
  else if (pathname === '/ignore') response.end('not read');
  else if (pathname === '/hash') {
    const hash = createHash('sha256');
    request.pipe(hash).on('finish', () => response.end(hash.digest('hex')));
  } else response.writeHead(404).end('nothing here');
};

export function honoApplication(): Hono {
  const app = new Hono();
  app.get('/text', (c) => c.text('grün'));
  app.get('/json', (c) => c.json({ a: [1, 'ü'] }));
  app.get('/buffer', (c) => c.body(BYTES));
  app.get('/empty', (c) => c.body(null, 204));
  app.get('/teapot', (c) => c.text('short and stout', 418));
  app.get('/redirect', (c) => c.redirect('/text?a=b', 301));
  app.get('/cookies', (c) => {
    c.header('Set-Cookie', 'a=1', { append: true });
    c.header('Set-Cookie', 'b=2; HttpOnly', { append: true });
    return c.text('set');
  });
  app.get('/query', (c) => c.json(c.req.query()));
  app.get('/params/:one/:two', (c) => c.json(c.req.param()));
  app.get('/info', (c) => c.json([c.req.method, c.req.url, c.req.path]));
  app.get('/headers', (c) => c.json(c.req.header()));
  app.get('/latin1', (c) => c.text('x', 200, { 'X-Name': 'D\xfcrer' }));
  app.get('/big', (c) => c.text(BIG));
  app.get('/stream', (c) =>
    stream(c, async (out) => {
      for await (const piece of pieces()) await out.write(piece);
    }),
  );
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/reject', (c) => c.text('rejected', 422));
  app.all('/method', (c) => c.text(c.req.method));
  app.post('/json', async (c) => c.json(await c.req.json()));
  app.post('/form', async (c) => c.json(await c.req.parseBody()));
  app.post('/hash', async (c) =>
    c.text(
      createHash('sha256')
        .update(Buffer.from(await c.req.arrayBuffer()))
        .digest('hex'),
    ),
  );
  app.post('/pipe', (c) => c.body(c.req.raw.body as ReadableStream));
  app.post('/ignore', (c) => c.text('not read'));
  app.onError((error, c) => c.text(`failed: ${error.message}`, 500));
  return app;
}
