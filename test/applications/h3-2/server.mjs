import { H3, HTTPError, readBody, redirect, serve } from 'h3-2';

const app = new H3();

app.get('/', () => '⚡️ Tadaa!');
app.get('/users/:id', (event) => ({ id: event.context.params.id, path: event.url.pathname, q: event.url.searchParams.get('q') }));
app.post('/users', async (event) => {
  event.res.status = 201;
  event.res.headers.set('x-created', 'yes');
  return readBody(event);
});
app.get('/go', () => redirect('/users/1'));
app.get('/gone', () => {
  throw new HTTPError({ status: 410, message: 'It is gone' });
});

serve(app, { port: 3000 });
