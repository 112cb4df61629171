export default async (context) => {
  const url = new URL(context.request.url);
  if (context.request.method === 'POST') {
    return new Response(JSON.stringify(await context.request.json()), { status: 201, headers: { 'content-type': 'application/json' } });
  }
  return new Response(`Hello from ${url.pathname}${url.search}`);
};
