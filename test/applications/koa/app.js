const Koa = require('koa');
const Router = require('@koa/router');
const bodyParser = require('koa-bodyparser');

const app = new Koa();
const router = new Router();

router.get('/', (ctx) => {
  ctx.body = 'Hello Koa';
});

router.get('/users/:id', (ctx) => {
  ctx.set('X-Origin', ctx.origin);
  ctx.body = { id: ctx.params.id, query: ctx.query, ip: ctx.ip };
});

router.post('/users', (ctx) => {
  ctx.status = 201;
  ctx.cookies.set('last', String(ctx.request.body.name), { signed: false });
  ctx.body = ctx.request.body;
});

router.get('/go', (ctx) => ctx.redirect('/users/1'));

router.get('/forbidden', (ctx) => ctx.throw(403, 'Not for you'));

app.on('error', () => {});

// x-response-time
app.use(async (ctx, next) => {
  await next();
  ctx.set('X-Handled-By', 'koa');
});

app.use(bodyParser());
app.use(router.routes()).use(router.allowedMethods());

app.listen(3000);
