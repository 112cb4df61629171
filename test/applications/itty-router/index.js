import { AutoRouter, error } from 'itty-router';

const router = AutoRouter();

router
  .get('/hello/:name', ({ name, query }) => ({ hello: name, query }))
  .get('/', () => 'Success!')
  .get('/refuse', () => error(400, 'Bad Request'))
  .post('/json', async (request) => request.json());

export default { ...router };
