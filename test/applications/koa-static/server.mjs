import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Koa from 'koa';
import serve from 'koa-static';

const app = new Koa();
const folder = fileURLToPath(new URL('./public', import.meta.url));

app.use(serve(folder, { maxage: 60_000 }));
app.use((ctx) => {
  if (ctx.path !== '/stream') return;
  ctx.type = 'text/plain';
  ctx.body = createReadStream(`${folder}/notes.txt`);
});

export default app;
