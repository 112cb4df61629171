import { Elysia, t } from 'elysia';

const app = new Elysia()
  .get('/', () => 'Hello Elysia')
  .get('/id/:id', ({ params: { id }, query }) => ({ id, query }), { params: t.Object({ id: t.Numeric() }) })
  .post(
    '/sign-in',
    ({ body, set }) => {
      set.headers['x-powered-by'] = 'Elysia';
      return body;
    },
    { body: t.Object({ username: t.String(), password: t.String({ minLength: 3 }) }) },
  )
  .get('/go', ({ redirect }) => redirect('https://elysiajs.com/'))
  .get('/cookie', ({ cookie: { visits } }) => {
    visits.value = Number(visits.value ?? 0) + 1;
    return `visit ${visits.value}`;
  });

export default app;
