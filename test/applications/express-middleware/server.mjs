import compression from 'compression';
import cookieSession from 'cookie-session';
import cors from 'cors';
import express from 'express';
import helmet from 'helmet';
import morgan from 'morgan';

const app = express();

app.set('trust proxy', true);
app.use(morgan('combined'));
app.use(helmet());
app.use(cors({ origin: 'https://example.com', credentials: true }));
app.use(compression());
app.use(cookieSession({ name: 'session', keys: ['a key'], maxAge: 24 * 60 * 60 * 1000 }));

app.get('/', (req, res) => {
  req.session.views = (req.session.views || 0) + 1;
  res.json({ views: req.session.views, ip: req.ip, protocol: req.protocol });
});

app.get('/long', (req, res) => {
  res.type('text').send('long '.repeat(1000));
});

app.listen(3000, () => console.log('listening on http://localhost:3000'));
