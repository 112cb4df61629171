import { zValidator } from '@hono/zod-validator';
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { jwt, sign } from 'hono/jwt';
import { z } from 'zod';

const secret = process.env.JWT_SECRET ?? 'it-is-very-secret';

const app = new Hono().basePath('/api');

app.use('*', cors({ origin: 'http://localhost:5173' }));
app.use('/admin/*', basicAuth({ username: 'hono', password: 'acoolproject' }));
app.use('/me', jwt({ secret, alg: 'HS256' }));

app.post('/posts', zValidator('json', z.object({ title: z.string().min(3), tags: z.array(z.string()).default([]) })), (c) =>
  c.json({ ok: true, post: c.req.valid('json') }, 201),
);
app.get('/token', async (c) => c.json({ token: await sign({ sub: 'ada' }, secret, 'HS256') }));
app.get('/me', (c) => c.json(c.get('jwtPayload')));
app.get('/admin/page', (c) => c.text('You are authorized'));
app.get('/gone', () => {
  throw new HTTPException(410, { message: 'It is gone' });
});

export type AppType = typeof app;
export default app;
