import { Feed } from 'feed';
import { Hono } from 'hono';

const feed = new Feed({
  title: 'News',
  id: 'https://example.com/',
  link: 'https://example.com/',
  copyright: 'Example',
  updated: new Date('2025-01-02T03:04:05Z'),
});

feed.addItem({
  title: 'First & foremost',
  link: 'https://example.com/first',
  date: new Date('2025-01-02T03:04:05Z'),
  content: '<p>Grüße</p>',
});

const app = new Hono();

app.get('/rss.xml', (c) => c.body(feed.rss2(), 200, { 'Content-Type': 'application/rss+xml; charset=utf-8' }));
app.get('/atom.xml', (c) => c.body(feed.atom1(), 200, { 'Content-Type': 'application/atom+xml; charset=utf-8' }));
app.get('/feed.json', (c) => c.body(feed.json1(), 200, { 'Content-Type': 'application/feed+json' }));

export default app;
