import { Hono } from 'hono';
import sqlite from 'node-sqlite3-wasm';

const db = new sqlite.Database();
db.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
db.run("INSERT INTO notes (text) VALUES ('first'), ('second')");

const app = new Hono();

app.get('/', (c) => c.json(db.all('SELECT * FROM notes WHERE id >= ?', [Number(c.req.query('from') ?? 1)])));

app.post('/', async (c) => {
  const { lastInsertRowId } = db.run('INSERT INTO notes (text) VALUES (?)', [await c.req.text()]);
  return c.json({ id: lastInsertRowId }, 201);
});

export default app;
