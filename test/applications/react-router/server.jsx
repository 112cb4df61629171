import express from 'express';
import { renderToString } from 'react-dom/server';
import { createStaticHandler, createStaticRouter, StaticRouterProvider } from 'react-router';
import { routes } from './routes.jsx';

const { query, dataRoutes } = createStaticHandler(routes);

async function handler(request) {
  const context = await query(request);
  // A redirect of a loader or an action
  if (context instanceof Response) return context;
  const router = createStaticRouter(dataRoutes, context);
  const html = renderToString(<StaticRouterProvider router={router} context={context} />);
  return new Response(`<!DOCTYPE html>${html}`, { status: context.statusCode, headers: { 'Content-Type': 'text/html; charset=utf-8' } });
}

const app = express();

app.use(express.text({ type: '*/*' }));
app.use(async (req, res) => {
  const url = new URL(req.url, `${req.protocol}://${req.get('host')}`);
  const headers = new Headers(Object.entries(req.headers).filter(([, value]) => typeof value === 'string'));
  const hasBody = !['GET', 'HEAD'].includes(req.method);
  const response = await handler(new Request(url, { method: req.method, headers, body: hasBody ? req.body : undefined }));
  res.status(response.status);
  for (const [name, value] of response.headers) res.append(name, value);
  res.send(await response.text());
});

app.listen(3000);
