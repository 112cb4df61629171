// Applications of other frameworks.

import { basic, get, head, post, postForm, postJson, type Sample } from './sample.ts';

const TOKEN = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEifQ.';

export const frameworks: Sample[] = [
  {
    name: 'koa',
    title: 'Koa with @koa/router and koa-bodyparser',
    file: 'app.js',
    questions: [
      ...['/', '/users/J%C3%B6rg?a=b', '/go', '/forbidden', '/nowhere'].map((path) => get(path)),
      ...[postJson('/users', { name: 'Ada' }), postForm('/users', 'name=Ada'), { method: 'PUT', path: '/users' }, head('/')],
    ],
  },
  {
    name: 'koa-static',
    title: 'Koa with koa-static',
    file: 'server.mjs',
    start: 'start.mjs',
    options: ['--assets', 'public'],
    questions: [get('/'), get('/app.js'), head('/app.js'), get('/stream'), get('/none.js')],
  },
  {
    name: 'fastify',
    title: 'Fastify with schemas, `await fastify.listen(…)`',
    file: 'server.js',
    questions: [
      ...['/', '/users/1?a=b', '/broken', '/nowhere'].map((path) => get(path)),
      ...[postJson('/hello', { name: 'Ada' }), postJson('/hello', { age: -1 }), post('/hello', 'text/x', 'x'), head('/')],
    ],
  },
  {
    name: 'fastify-plugins',
    title: 'Fastify in TypeScript with TypeBox, @fastify/view, static, cookie, formbody, sensible',
    file: 'src/server.ts',
    options: ['--assets', 'views,public'],
    questions: [
      ...[get('/', 'Cookie: seen=yes'), get('/users/1'), get('/users/x'), get('/users/11'), get('/public/robots.txt')],
      ...[postForm('/users', 'name=Ada'), postJson('/users', { name: 'A' }), get('/public/none.txt')],
    ],
  },
  {
    name: 'hono',
    title: 'Hono in TypeScript, `serve()` of @hono/node-server',
    file: 'src/index.ts',
    questions: [
      ...['/', '/users/1?page=2', '/go', '/events', '/nowhere'].map((path) => get(path)),
      postForm('/users', 'name=Ada'),
      head('/'),
    ],
  },
  {
    name: 'hono-jsx',
    title: 'Hono with JSX and secureHeaders',
    file: 'app.tsx',
    start: 'server.ts',
    questions: [get('/'), get('/search?q=%3Cb%3E'), get('/nowhere')],
  },
  {
    name: 'hono-static',
    title: "Hono with @hono/node-server's serveStatic, etag, logger",
    file: 'server.js',
    options: ['--assets', 'static'],
    questions: [get('/'), get('/static/site.css'), get('/static/none.css'), get('/api/time'), head('/static/site.css')],
  },
  {
    name: 'hono-api',
    title: 'Hono in TypeScript with basePath, zod-validator, jwt, basicAuth, cors',
    file: 'app.ts',
    start: 'server.ts',
    questions: [
      ...[postJson('/api/posts', { title: 'First' }), get('/api/token'), get('/api/me'), get('/api/gone')],
      get('/api/me', `Authorization: Bearer ${TOKEN}Qoi65AGQVRsE2hSuN7vrIt4VI539u5mOg16l64vZcyg`),
      ...[get('/api/admin/page'), get('/api/admin/page', basic('hono:acoolproject')), get('/', 'Origin: http://localhost:5173')],
    ],
  },
  {
    name: 'h3',
    title: 'h3, `createServer(toNodeListener(app))`',
    file: 'server.mjs',
    questions: [
      ...['/', '/hello/Ada?x=y', '/go'].map((path) => get(path)),
      postJson('/echo', { a: 1 }),
      { ...get('/teapot'), random: /"stack": \[[^\]]*\]/ },
    ],
  },
  {
    name: 'h3-app',
    title: 'h3, its app object exported',
    file: 'app.mjs',
    cannot: {
      says: 'for h3, export toWebHandler(app) instead',
      mend: 'export `toWebHandler(app)`, or listen',
    },
    questions: [],
  },
  {
    name: 'h3-2',
    title: 'h3 2, `serve(app)`',
    file: 'server.mjs',
    questions: [...['/', '/users/1?q=x', '/go', '/gone'].map((path) => get(path)), postJson('/users', { name: 'Ada' })],
  },
  {
    name: 'nitro',
    title: 'Nitro, its `node-server` output',
    file: '.output/server/index.mjs',
    make: ['nitropack', 'build'],
    options: ['--assets', '.output/public'],
    questions: [get('/'), get('/robots.txt'), get('/api/hello/Ada?a=b'), postJson('/api/echo', { a: 1 })],
  },
  {
    name: 'elysia',
    title: 'Elysia in TypeScript',
    file: 'src/index.ts',
    start: 'start.ts',
    questions: [
      ...['/', '/id/1?a=b', '/go', '/cookie'].map((path) => get(path)),
      postJson('/sign-in', { username: 'ada', password: 'lovelace' }),
    ],
  },
  {
    name: 'itty-router',
    title: 'itty-router',
    file: 'index.js',
    start: 'start.js',
    questions: [...['/', '/hello/Ada?a=b', '/refuse', '/nowhere'].map((path) => get(path)), postJson('/json', { a: 1 })],
  },
  {
    name: 'polka',
    title: 'Polka',
    file: 'index.js',
    questions: [...['/', '/users/1?a=b', '/nowhere'].map((path) => get(path)), postJson('/users', { name: 'Ada' })],
  },
  {
    name: 'connect',
    title: 'Connect with compression',
    file: 'server.js',
    questions: [get('/'), get('/', 'Accept-Encoding: deflate'), postForm('/form/a?b=c', 'x=1')],
  },
  {
    name: 'hapi',
    title: 'hapi',
    file: 'index.js',
    questions: [get('/'), get('/nowhere'), postJson('/users/1?a=b', { name: 'Ada' })],
  },
  {
    name: 'restify',
    title: 'restify',
    file: 'server.js',
    options: ['--external', 'dtrace-provider'],
    newestNode: 22,
    questions: [get('/hello/Ada'), get('/nowhere'), postJson('/echo?q=1', { a: 1 }), head('/hello/Ada')],
    note: 'a native addon that restify can do without',
  },
  {
    name: 'nest',
    title: 'NestJS on Express',
    file: 'dist/main.js',
    make: ['tsc'],
    questions: [...['/', '/cats/1', '/cats/x', '/docs', '/forbidden'].map((path) => get(path)), postJson('/cats', { name: 'Tom' })],
    note: 'the output of `nest build`, because decorators need types that only tsc writes down',
  },
];
