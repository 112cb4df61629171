import { Hono } from 'hono';
import type { FC, PropsWithChildren } from 'hono/jsx';
import { jsxRenderer } from 'hono/jsx-renderer';
import { secureHeaders } from 'hono/secure-headers';

const Item: FC<{ text: string }> = ({ text }) => <li>{text}</li>;

const Page: FC<PropsWithChildren<{ title: string }>> = ({ title, children }) => (
  <html lang="en">
    <head>
      <title>{title}</title>
    </head>
    <body>{children}</body>
  </html>
);

const app = new Hono();

app.use(secureHeaders());
app.get(
  '*',
  jsxRenderer(({ children }) => <Page title="Hono">{children}</Page>),
);

app.get('/', (c) =>
  c.render(
    <ul>
      <Item text="plain" />
      <Item text="<escaped>" />
    </ul>,
  ),
);

app.get('/search', async (c) => {
  const Found: FC = async () => <p>Nothing found for {c.req.query('q')}</p>;
  return c.render(<Found />);
});

export default app;
