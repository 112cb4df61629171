import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { instance } = await WebAssembly.instantiate(readFileSync(new URL('./add.wasm', import.meta.url)));

createServer((req, res) => {
  const { searchParams } = new URL(req.url, 'http://localhost');
  res.end(String(instance.exports.add(Number(searchParams.get('a')), Number(searchParams.get('b')))));
}).listen(3000);
