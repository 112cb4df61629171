// Applications of Express.

import { basic, get, head, post, postForm, postJson, type Sample } from './sample.ts';

const AVATAR = [
  ...['--limit', 'Content-Disposition: form-data; name="name"', '', 'Jörg'],
  ...['--limit', 'Content-Disposition: form-data; name="avatar"; filename="a.txt"', 'Content-Type: text/plain', '', 'a picture'],
  ...['--limit--', ''],
].join('\r\n');

export const express: Sample[] = [
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
      ...[get('/'), get('/me'), get('/me', basic('ada:lovelace')), postForm('/login', 'username=ada&password=wrong')],
      { ...postForm('/login', 'username=ada&password=lovelace'), random: /connect\.sid=[^;]+/ },
    ],
    note: 'a store for the sessions, or cookie-session, because a process that answers one request forgets what is in memory',
  },
  {
    name: 'express-env',
    title: 'Express 5 with dotenv',
    file: 'index.js',
    options: ['--assets', '.env'],
    questions: [get('/')],
  },
];
