const express = require('express4');

const app = express();
const port = 3000;

app.use(express.json());
app.use(express.urlencoded({ extended: true }));

app.get('/', (req, res) => {
  res.send('Hello World!');
});

app.get('/users/:id', (req, res) => {
  res.json({ id: req.params.id, query: req.query, base: req.baseUrl, secure: req.secure });
});

app.post('/echo', (req, res) => {
  res.status(201).json(req.body);
});

app.get('/old', (req, res) => {
  res.redirect(301, '/users/1');
});

app.get('/broken', () => {
  throw new Error('broken');
});

app.use((err, req, res, next) => {
  res.status(err.status || 500).send(`Something broke: ${err.message}`);
});

app.listen(port, () => {
  console.log(`Example app listening on port ${port}`);
});
