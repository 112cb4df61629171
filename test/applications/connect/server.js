var connect = require('connect');
var http = require('http');

var app = connect();

// gzip/deflate outgoing responses
var compression = require('compression');
app.use(compression({ threshold: 0 }));

// parse urlencoded request bodies into req.body
var bodyParser = require('body-parser');
app.use(bodyParser.urlencoded({ extended: false }));

app.use('/form', function form(req, res) {
  res.end(JSON.stringify({ body: req.body, url: req.url, original: req.originalUrl }));
});

app.use('/throws', function throws(req, res, next) {
  next(Object.assign(new Error('refused'), { status: 403 }));
});

// respond to all requests
app.use(function (req, res) {
  res.setHeader('Content-Type', 'text/plain');
  res.end('Hello from Connect!\n');
});

//create node.js http server and listen on port
http.createServer(app).listen(3000);
