import { once } from 'node:events';
import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';

createServer(async (req, res) => {
  const n = Number(new URL(req.url, 'http://localhost').searchParams.get('n') ?? 10);
  const worker = new Worker(new URL('./fibonacci.mjs', import.meta.url), { workerData: n });
  const [result] = await once(worker, 'message');
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ n, result }));
}).listen(3000);
