export default defineEventHandler((event) => {
  return { hello: getRouterParam(event, 'name'), query: getQuery(event) };
});
