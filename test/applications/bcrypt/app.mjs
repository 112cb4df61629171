import bcrypt from 'bcrypt';
import { Hono } from 'hono';

const hash = '$2b$04$CCCCCCCCCCCCCCCCCCCCC.rWS7nTZlBRAuC.8w1yaqkQHZzQiKtQa';

const app = new Hono();

app.post('/login', async (c) => {
  const { password } = await c.req.json();
  return c.json({ salted: (await bcrypt.hash(password, hash.slice(0, 29))).slice(0, 29), rounds: bcrypt.getRounds(hash) });
});

app.get('/', (c) => c.text('Send your password'));

export default app;
