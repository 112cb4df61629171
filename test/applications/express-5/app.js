import express from 'express';
import users from './users.js';

const app = express();

app.use(express.json());
app.use('/users', users);

app.get('/', async (_req, res) => {
  res.set('X-Powered-By', 'coffee').send('<h1>Hello</h1>');
});

app.get('/files/*path', (req, res) => {
  res.json(req.params.path);
});

app.get('/late', async () => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  throw Object.assign(new Error('too late'), { status: 410 });
});

app.get('/stream', async (_req, res) => {
  res.type('text/plain');
  for (const line of ['one', 'two', 'three']) {
    res.write(`${line}\n`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  res.end();
});

app.use((err, _req, res, _next) => {
  res.status(err.status ?? 500).json({ error: err.message });
});

export default app;
