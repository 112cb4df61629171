import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { z } from 'zod';

const t = initTRPC.context<{ user: string | null }>().create();

const appRouter = t.router({
  whoami: t.procedure.query(({ ctx }) => ctx.user),
  greet: t.procedure.input(z.object({ name: z.string() })).mutation(({ input }) => ({ greeting: `Hi ${input.name}` })),
});

export type AppRouter = typeof appRouter;

export default {
  async fetch(request: Request): Promise<Response> {
    return fetchRequestHandler({
      endpoint: '/trpc',
      req: request,
      router: appRouter,
      createContext: ({ req }) => ({ user: req.headers.get('x-user') }),
    });
  },
};
