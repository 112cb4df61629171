import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const app = express();

app.use('/api', createProxyMiddleware({ target: process.env.UPSTREAM, changeOrigin: true, pathRewrite: { '^/': '/users/' } }));
app.get('/', (_req, res) => res.send('in front'));

app.listen(3000);
