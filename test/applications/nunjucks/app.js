const express = require('express');
const nunjucks = require('nunjucks');

const app = express();

nunjucks.configure('views', {
  autoescape: true,
  express: app,
});

app.get('/', (req, res) => {
  res.render('index.html', { user: req.query.user, items: [1, 2, 3] });
});

app.listen(3000);
