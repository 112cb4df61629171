// An application of Fastify.

import fastify from 'fastify';
import { runWithCgi } from 'run-with-cgi';
import { fromNode } from 'run-with-cgi/node';

const app = fastify();
app.get('/', async () => 'Hello from Fastify!\n');
app.get<{ Params: { name: string } }>('/greet/:name', async (request) => ({ hello: request.params.name }));
app.post('/echo', async (request) => request.body);

runWithCgi(fromNode(app));
