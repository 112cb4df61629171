const http = require('node:http');
const { serve } = require('micro');
const handler = require('./index.js');

new http.Server(serve(handler)).listen(3000);
