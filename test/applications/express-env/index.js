require('dotenv').config({ path: `${__dirname}/.env`, quiet: true });
const express = require('express');

const app = express();

app.get('/', (req, res) => {
  res.type('text').send(`${process.env.GREETING}, ${process.env.NAME || 'you'}!\n`);
});

app.listen(process.env.PORT || 3000, '127.0.0.1');
