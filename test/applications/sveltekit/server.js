import express from 'express';
import { handler } from './build/handler.js';

const app = express();

// a route that has nothing to do with SvelteKit
app.get('/healthcheck', (_req, res) => {
  res.end('ok');
});

// everything else is SvelteKit's, prerendered pages and static files included
app.use(handler);

app.listen(3000, () => {
  console.log('listening on port 3000');
});
