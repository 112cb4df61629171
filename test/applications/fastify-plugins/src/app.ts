import { join } from 'node:path';
import cookie from '@fastify/cookie';
import formbody from '@fastify/formbody';
import sensible from '@fastify/sensible';
import fastifyStatic from '@fastify/static';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import view from '@fastify/view';
import ejs from 'ejs';
import Fastify from 'fastify';
import { users } from './users.js';

export function buildApp() {
  const app = Fastify({ trustProxy: true }).setValidatorCompiler(TypeBoxValidatorCompiler).withTypeProvider<TypeBoxTypeProvider>();

  app.register(sensible);
  app.register(cookie, { secret: 'a secret' });
  app.register(formbody);
  app.register(fastifyStatic, { root: join(__dirname, '../public'), prefix: '/public/' });
  app.register(view, { engine: { ejs }, root: join(__dirname, '../views') });
  app.register(users, { prefix: '/users' });

  app.get('/', (request, reply) => {
    reply.setCookie('seen', 'yes', { path: '/' });
    return reply.view('index.ejs', { title: 'Fastify', seen: request.cookies.seen });
  });

  return app;
}
