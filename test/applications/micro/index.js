const { createError, json, send } = require('micro');

module.exports = async (req, res) => {
  if (req.method === 'GET') return `Welcome to Micro at ${req.url}`;
  const { name } = await json(req);
  if (!name) throw createError(400, 'A name, please');
  send(res, 201, { hello: name });
};
