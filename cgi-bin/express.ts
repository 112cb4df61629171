// An application of Express.

import express from 'express';
import { runWithCgi } from 'run-with-cgi';
import { fromNode } from 'run-with-cgi/node';

const app = express();
app.get('/', (_request, response) => {
  response.send('Hello from Express!\n');
});
app.get('/greet/:name', (request, response) => {
  response.json({ hello: request.params.name });
});
app.post('/echo', express.json(), (request, response) => {
  response.json(request.body);
});

runWithCgi(fromNode(app));
