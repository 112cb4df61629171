import Fastify from 'fastify';

const fastify = Fastify({ logger: true });

const schema = {
  body: {
    type: 'object',
    required: ['name'],
    properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 0 } },
  },
  response: {
    200: { type: 'object', properties: { hello: { type: 'string' } } },
  },
};

fastify.get('/', async () => {
  return { hello: 'world' };
});

fastify.post('/hello', { schema }, async (request) => {
  return { hello: request.body.name, secret: 'not in the schema' };
});

fastify.get('/users/:id', async (request, reply) => {
  reply.header('x-path', request.url);
  return { id: request.params.id, query: request.query };
});

fastify.get('/broken', async () => {
  throw new Error('broken');
});

try {
  await fastify.listen({ port: 3000 });
} catch (err) {
  fastify.log.error(err);
  process.exit(1);
}
