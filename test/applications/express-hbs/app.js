const path = require('node:path');
const express = require('express');
const hbs = require('hbs');

const app = express();

app.set('view engine', 'hbs');
app.set('views', path.join(__dirname, 'views'));
hbs.registerPartials(path.join(__dirname, 'views/partials'));
hbs.registerHelper('loud', (text) => text.toUpperCase());
app.use('/assets', express.static('public', { maxAge: '1d' }));

app.get('/', (req, res) => {
  res.render('index', { name: req.query.name ?? 'World', items: ['a', '<b>'] });
});

app.listen(process.env.PORT || 3000);
