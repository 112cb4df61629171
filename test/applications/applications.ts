// The applications: what they are, how they are started natively and built, and what they are asked.

export interface Question {
  method: string;
  path: string;
  /** "Name: value" */
  headers?: string[];
  body?: string;
  /** What differs from one answer to the next, and so is not compared. */
  random?: RegExp;
}

export interface Sample {
  /** Its folder. */
  name: string;
  title: string;
  /** What is built, in the folder. */
  file: string;
  /** Whether it is built from the folder above, which has the packages. */
  isBuiltFromAbove?: boolean;
  /** What its author would start with Node, where that is another file. */
  start?: string;
  /** The framework's own command, which makes `file` of the sources. */
  make?: string[];
  /** Options of `run-with-cgi build`. */
  options?: string[];
  /** Packages that are beside the script. */
  installed?: string[];
  /** What the command says where it cannot be built, and what its author can do. */
  cannot?: { says: string; mend: string };
  /** Whether it is told by UPSTREAM where the application "express-4" answers. */
  asksUpstream?: boolean;
  questions: Question[];
  /** For those who have such an application. */
  note?: string;
}

const get = (path: string, ...headers: string[]): Question => ({ method: 'GET', path, headers });
const head = (path: string): Question => ({ method: 'HEAD', path });
const post = (path: string, type: string, body: string, ...headers: string[]): Question => ({
  method: 'POST',
  path,
  headers: [`Content-Type: ${type}`, ...headers],
  body,
});
const postJson = (path: string, value: unknown, ...headers: string[]) => post(path, 'application/json', JSON.stringify(value), ...headers);
const postForm = (path: string, body: string, ...headers: string[]) => post(path, 'application/x-www-form-urlencoded', body, ...headers);

const AVATAR = [
  ...['--limit', 'Content-Disposition: form-data; name="name"', '', 'Jörg'],
  ...['--limit', 'Content-Disposition: form-data; name="avatar"; filename="a.txt"', 'Content-Type: text/plain', '', 'a picture'],
  ...['--limit--', ''],
].join('\r\n');
const BASIC = (user: string) => `Authorization: Basic ${Buffer.from(user).toString('base64')}`;
const TOKEN = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEifQ.';
const UPDATE = { update_id: 1, message: { message_id: 2, date: 0, chat: { id: 3, type: 'private', first_name: 'Ada' } } };

export const applications: Sample[] = [
  {
    name: 'express-4',
    title: 'Express 4, CommonJS, `app.listen(3000)`',
    file: 'app.js',
    questions: [
      ...['/', '/users/a%20b?x=1&x=2', '/old', '/broken', '/nowhere'].map((path) => get(path)),
      ...[postJson('/echo', { a: 'ü' }), postForm('/echo', 'a[b]=1'), post('/echo', 'application/json', '{'), head('/')],
    ],
  },
  {
    name: 'express-5',
    title: 'Express 5, ES modules, a default export',
    file: 'app.js',
    start: 'server.js',
    questions: [
      ...['/', '/users', '/files/a/b%20c', '/late', '/stream', '/nowhere'].map((path) => get(path)),
      ...[postJson('/users', { name: 'Ada' }), { method: 'DELETE', path: '/users/1' }, get('/', 'If-None-Match: *')],
    ],
  },
  ...['ejs', 'pug'].map(
    (engine): Sample => ({
      name: `express-generator-${engine}`,
      title: `express-generator, \`bin/www\`, ${engine === 'ejs' ? 'EJS' : 'Pug'}`,
      file: 'bin/www',
      options: ['--assets', 'views,public'],
      questions: [get('/'), get('/users', 'Cookie: name=Ada'), get('/nowhere'), get('/stylesheets/style.css'), get('/stylesheets')],
    }),
  ),
  {
    name: 'express-hbs',
    title: 'Express 5, Handlebars with partials and a layout, static files',
    file: 'app.js',
    options: ['--assets', 'views,public'],
    questions: [get('/?name=J%C3%B6rg'), get('/assets/site.css'), get('/assets/none.css')],
  },
  {
    name: 'express-middleware',
    title: 'Express 5 with helmet, cors, compression, cookie-session, morgan',
    file: 'server.mjs',
    questions: [
      get('/', 'Origin: https://example.com', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https'),
      get('/long', 'Accept-Encoding: gzip'),
      { method: 'OPTIONS', path: '/', headers: ['Origin: https://example.com', 'Access-Control-Request-Method: PUT'] },
    ],
  },
  {
    name: 'express-upload',
    title: 'Express 5 with multer and body-parser',
    file: 'index.js',
    questions: [
      post('/profile', 'multipart/form-data; boundary=limit', AVATAR),
      post('/profile', 'multipart/form-data; boundary=limit', AVATAR.replace('"avatar"', '"other"')),
      ...[postJson('/json', { a: [1, null] }), postJson('/json', 'x'.repeat(2000)), post('/text', 'text/plain', 'grün')],
      post('/raw', 'application/octet-stream', '\0\x01\x02'),
    ],
  },
  {
    name: 'express-passport',
    title: 'Express 5 with Passport and express-session',
    file: 'app.js',
    questions: [
      ...[get('/'), get('/me'), get('/me', BASIC('ada:lovelace')), postForm('/login', 'username=ada&password=wrong')],
      { ...postForm('/login', 'username=ada&password=lovelace'), random: /connect\.sid=[^;]+/ },
    ],
    note: 'Its sessions are in memory, and a process that answers one request forgets them: give express-session a store, or keep them in a cookie (cookie-session).',
  },
  {
    name: 'express-env',
    title: 'Express 5 with dotenv',
    file: 'index.js',
    options: ['--assets', '.env'],
    questions: [get('/')],
  },
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
      ...[get('/api/admin/page'), get('/api/admin/page', BASIC('hono:acoolproject')), get('/', 'Origin: http://localhost:5173')],
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
      mend: 'h3 itself must make a handler of it: export `toWebHandler(app)`, or listen.',
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
    questions: [get('/hello/Ada'), get('/nowhere'), postJson('/echo?q=1', { a: 1 }), head('/hello/Ada')],
    note: 'dtrace-provider is a native addon that restify can do without.',
  },
  {
    name: 'nest',
    title: 'NestJS on Express',
    file: 'dist/main.js',
    make: ['tsc'],
    questions: [...['/', '/cats/1', '/cats/x', '/docs', '/forbidden'].map((path) => get(path)), postJson('/cats', { name: 'Tom' })],
    note: 'Build what `nest build` has made: decorators need the types that only tsc writes down.',
  },
  {
    name: 'trpc-standalone',
    title: 'tRPC, standalone server',
    file: 'server.ts',
    questions: [
      ...[get('/hello?input=%7B%22name%22%3A%22Ada%22%7D'), postJson('/add', { a: 1, b: 2 })],
      get('/secret'),
      get('/hello,hello?batch=1&input=%7B%220%22%3A%7B%22name%22%3A%22A%22%7D%2C%221%22%3A%7B%22name%22%3A%22B%22%7D%7D'),
    ],
  },
  {
    name: 'trpc-fetch',
    title: 'tRPC, Fetch adapter',
    file: 'index.ts',
    start: 'start.ts',
    questions: [get('/trpc/whoami', 'X-User: ada'), postJson('/trpc/greet', { name: 'Ada' })],
  },
  {
    name: 'apollo',
    title: 'Apollo Server, `startStandaloneServer`',
    file: 'index.js',
    questions: [
      ...[postJson('/', { query: '{ books { title author } }' }), postJson('/', { query: '{ nothing }' })],
      get('/?query=%7Bbooks(author%3A%22Paul%20Auster%22)%7Btitle%7D%7D', 'Apollo-Require-Preflight: true'),
    ],
  },
  {
    name: 'graphql-yoga',
    title: 'GraphQL Yoga',
    file: 'server.js',
    questions: [
      ...[postJson('/graphql', { query: '{ hello }' }), get('/graphql?query=%7Bhello(name%3A%22Ada%22)%7D'), get('/nowhere')],
      postJson('/graphql', { query: 'mutation ($text: String!) { upload(text: $text) }', variables: { text: 'four' } }),
    ],
    note: "Yoga looks at the whole path: under that of a script it needs `graphqlEndpoint: '*/graphql'`.",
  },
  {
    name: 'grammy',
    title: 'grammY, a webhook on Express',
    file: 'bot.mjs',
    questions: [
      get('/'),
      postJson('/bot', { ...UPDATE, message: { ...UPDATE.message, text: 'hi' } }, 'X-Telegram-Bot-Api-Secret-Token: a-token'),
      postJson('/bot', UPDATE),
    ],
  },
  {
    name: 'react-router',
    title: 'React Router, rendered on the server by Express',
    file: 'server.jsx',
    questions: [get('/'), get('/posts/1'), get('/posts/2'), get('/nowhere'), postForm('/?index', 'title=1')],
  },
  {
    name: 'sveltekit',
    title: "SvelteKit, adapter-node's handler on Express",
    file: 'server.js',
    make: ['vite', 'build', '--logLevel', 'error'],
    options: ['--assets', 'build/client'],
    questions: [
      get('/', 'Cookie: greeting=Ahoi'),
      get('/robots.txt'),
      get('/api/1?q=x'),
      get('/api/0'),
      get('/healthcheck'),
      get('/nowhere'),
    ],
  },
  {
    name: 'srvx',
    title: 'srvx, `serve()`',
    file: 'server.ts',
    questions: [get('/'), get('/ip'), post('/', 'text/plain', 'grün')],
  },
  {
    name: 'tinyhttp',
    title: 'tinyhttp',
    file: 'index.js',
    questions: [...['/', '/page/1/?x=y', '/go', '/nowhere'].map((path) => get(path)), postForm('/form', 'a=1')],
  },
  {
    name: 'feathers',
    title: 'Feathers on Express',
    file: 'app.js',
    questions: [get('/messages?a=b'), get('/messages/0'), get('/nowhere'), postJson('/messages', { text: 'Ho' })],
  },
  {
    name: 'micro',
    title: 'micro',
    file: 'server.js',
    questions: [get('/a?b=c'), postJson('/', { name: 'Ada' }), postJson('/', {})],
  },
  {
    name: 'hattip',
    title: 'HatTip, Node adapter',
    file: 'entry-node.js',
    questions: [get('/a?b=c'), postJson('/', { a: 1 })],
  },
  {
    name: 'sirv',
    title: 'sirv',
    file: 'index.js',
    options: ['--assets', 'public'],
    questions: [get('/'), get('/data.json'), get('/data.json', 'Range: bytes=2-9'), get('/none')],
  },
  {
    name: 'http-proxy',
    title: 'http-proxy-middleware on Express',
    file: 'server.mjs',
    asksUpstream: true,
    questions: [get('/'), get('/api/7?x=y')],
  },
  {
    name: 'templates',
    title: 'node:http with Mustache and marked',
    file: 'server.mjs',
    options: ['--assets', 'pages'],
    questions: [get('/?name=%3CAda%3E'), get('/about'), get('/none')],
  },
  {
    name: 'nunjucks',
    title: 'Express with Nunjucks',
    file: 'app.js',
    options: ['--assets', 'views'],
    questions: [get('/?user=ada')],
  },
  {
    name: 'sqlite',
    title: 'SQLite as WebAssembly (node-sqlite3-wasm)',
    file: 'app.mjs',
    start: 'start.mjs',
    isBuiltFromAbove: true,
    options: ['--assets', 'node_modules/node-sqlite3-wasm/dist/node-sqlite3-wasm.wasm'],
    questions: [get('/?from=2'), post('/', 'text/plain', 'third')],
  },
  {
    name: 'bcrypt',
    title: 'A native addon (bcrypt)',
    file: 'app.mjs',
    start: 'start.mjs',
    options: ['--external', 'bcrypt'],
    installed: ['bcrypt', 'node-gyp-build'],
    questions: [get('/'), postJson('/login', { password: 'secret' })],
    note: 'Native code cannot be put into the file: install its package where the script runs.',
  },
  {
    name: 'webassembly',
    title: 'node:http with WebAssembly',
    file: 'index.mjs',
    options: ['--assets', 'add.wasm'],
    questions: [get('/?a=2&b=40')],
  },
  {
    name: 'feed',
    title: 'RSS, Atom and JSON feeds (feed) on Hono',
    file: 'app.ts',
    start: 'start.ts',
    questions: [get('/rss.xml'), get('/atom.xml'), get('/feed.json')],
  },
  {
    name: 'webhooks',
    title: "Webhooks of Stripe and Slack, signed, on Express's raw bodies",
    file: 'server.js',
    questions: [
      post(
        '/stripe',
        'application/json',
        '{"id":"evt_1","object":"event","type":"ping","data":{"name":"ü"}}',
        'Stripe-Signature: t=1700000000,v1=079ee0c7281504edaeaeb5e8c8fb1d06fd8511aa5acd6914e688fc9103c4eefa',
      ),
      postJson('/stripe', {}, 'Stripe-Signature: t=1700000000,v1=00'),
      postJson(
        '/slack',
        { type: 'url_verification', challenge: 'abc' },
        'X-Slack-Request-Timestamp: 1',
        'X-Slack-Signature: v0=e5589774233112357a8c68c24a15b59a568263af23c3fb737c90804a3e8ee534',
      ),
      postJson('/slack', {}),
    ],
  },
  {
    name: 'fetch-client',
    title: "Hono with Node's fetch and undici as clients",
    file: 'app.mjs',
    start: 'start.mjs',
    asksUpstream: true,
    questions: [get('/user/1'), get('/undici/2'), postJson('/proxy', { a: 1 })],
  },
  {
    name: 'worker-threads',
    title: 'node:http with worker_threads',
    file: 'index.mjs',
    options: ['--assets', 'fibonacci.mjs'],
    questions: [get('/?n=12')],
  },
  {
    name: 'workers',
    title: 'Cloudflare Workers: `export default { fetch }`',
    file: 'index.ts',
    start: 'start.ts',
    questions: [...['/', '/json', '/go', '/rewritten', '/nowhere'].map((path) => get(path)), post('/crypto', 'text/plain', 'abc')],
  },
  {
    name: 'workers-cache',
    title: 'Cloudflare Workers with `caches`',
    file: 'index.js',
    cannot: {
      says: 'The handler needs what only Cloudflare Workers have',
      mend: "The cache is Cloudflare's own. Ask `globalThis.caches?.default` whether there is one.",
    },
    questions: [],
  },
];
