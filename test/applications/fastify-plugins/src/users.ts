import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@fastify/type-provider-typebox';

export const users: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/:id', { schema: { params: Type.Object({ id: Type.Integer() }) } }, async (request) => {
    if (request.params.id > 10) throw app.httpErrors.notFound('No such user');
    return { id: request.params.id };
  });

  app.post('/', { schema: { body: Type.Object({ name: Type.String({ minLength: 2 }) }) } }, async (request, reply) => {
    reply.code(201);
    return { created: request.body.name };
  });
};
