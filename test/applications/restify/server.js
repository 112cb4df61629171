var restify = require('restify');

function respond(req, res, next) {
  res.send('hello ' + req.params.name);
  next();
}

var server = restify.createServer({ name: 'myapp' });
server.use(restify.plugins.queryParser());
server.use(restify.plugins.bodyParser());
server.get('/hello/:name', respond);
server.head('/hello/:name', respond);
server.post('/echo', function (req, res, next) {
  res.send(201, { body: req.body, query: req.query });
  return next();
});

server.listen(8080, function () {
  console.log('%s listening at %s', server.name, server.url);
});
