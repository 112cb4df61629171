const polka = require('polka');
const { json } = require('body-parser');

function one(req, res, next) {
  req.hello = 'world';
  next();
}

polka()
  .use(one, json())
  .get('/', (req, res) => {
    res.end(`Hello, ${req.hello}!`);
  })
  .get('/users/:id', (req, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify({ id: req.params.id, query: req.query, path: req.path, search: req.search }));
  })
  .post('/users', (req, res) => {
    res.statusCode = 201;
    res.end(`Created ${req.body.name}`);
  })
  .listen(3000, (err) => {
    if (err) throw err;
    console.log('> Running on localhost:3000');
  });
