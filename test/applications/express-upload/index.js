const express = require('express');
const bodyParser = require('body-parser');
const multer = require('multer');

const app = express();
const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 100_000 } });

app.post('/profile', upload.single('avatar'), (req, res) => {
  const { originalname, mimetype, size, buffer } = req.file;
  res.json({ body: req.body, file: { originalname, mimetype, size, text: buffer.toString().slice(0, 20) } });
});

app.post('/json', bodyParser.json({ limit: '1kb' }), (req, res) => {
  res.json(req.body);
});

app.post('/raw', bodyParser.raw({ type: 'application/octet-stream' }), (req, res) => {
  res.type('application/octet-stream').send(req.body);
});

app.post('/text', bodyParser.text(), (req, res) => {
  res.send(req.body.toUpperCase());
});

app.use((err, req, res, next) => {
  res.status(err.status || 500).send(`${err.name}: ${err.code || err.type}`);
});

module.exports = app;

if (require.main === module) app.listen(3000);
