const http = require('node:http');
const path = require('node:path');
const sirv = require('sirv');

const serve = sirv(path.join(__dirname, 'public'), { etag: true, maxAge: 3600 });

http
  .createServer((req, res) =>
    serve(req, res, () => {
      res.statusCode = 404;
      res.end('Not here');
    }),
  )
  .listen(3000);
