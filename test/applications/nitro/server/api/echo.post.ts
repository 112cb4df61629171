export default defineEventHandler(async (event) => {
  setResponseStatus(event, 201);
  return { body: await readBody(event) };
});
