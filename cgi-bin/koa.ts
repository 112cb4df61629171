// An application of Koa.

import Koa from 'koa';
import { runWithCgi } from 'run-with-cgi';
import { fromNode } from 'run-with-cgi/node';

const app = new Koa();
app.use((context) => {
  const [, name] = /^\/greet\/(.*)$/.exec(context.path) ?? [];
  context.body = name === undefined ? 'Hello from Koa!\n' : { hello: decodeURIComponent(name) };
});

runWithCgi(fromNode(app));
