export default {
  async fetch(request, _env, ctx) {
    const cache = caches.default;
    let response = await cache.match(request);
    if (!response) {
      response = new Response('Hello World!', { headers: { 'Cache-Control': 's-maxage=10' } });
      ctx.waitUntil(cache.put(request, response.clone()));
    }
    return response;
  },
};
