// A Node application of the fault harness.

import express from 'express';

const app = express();
app.get('/', (_request, response) => void response.type('text').send('hello\n'));
app.post('/', express.raw({ type: '*/*', limit: '10mb' }), (request, response) => void response.type('text').send(request.body));

export default app;
