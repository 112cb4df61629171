// A client that asks without a pause on many connections, until its input ends, and checks every answer:
// load.ts <method> <url> <connections>. It prints a line after the first answer, and what it has seen, as JSON, at the end.

import { Agent, request } from 'node:http';

export interface Seen {
  /** The numbers of the requests that were answered rightly, by the machine that answered. */
  answered: Record<string, number[]>;
  /** The other requests, and what came instead of the answer. */
  failed: [number: number, why: string][];
}

const [method = 'GET', url = '', connections = '1'] = process.argv.slice(2);
const seen: Seen = { answered: {}, failed: [] };
let last = 0;
let hasBegun = false;
let isStopped = false;
process.stdin.on('end', () => {
  isStopped = true;
});
process.stdin.resume();

const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
await Promise.all(Array.from({ length: Number(connections) }, askOn));
agent.destroy();
process.stdout.write(JSON.stringify(seen));

async function askOn(): Promise<void> {
  while (!isStopped) {
    const number = ++last;
    try {
      const machine = await ask(number);
      if (!hasBegun) process.stdout.write('begun\n');
      hasBegun = true;
      seen.answered[machine] ??= [];
      seen.answered[machine].push(number);
    } catch (error) {
      seen.failed.push([number, String(error)]);
    }
  }
}

/** Sends request `number`, and returns the machine that has answered it rightly. */
function ask(number: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const message = request(`${url}?${number}`, { method, agent }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (piece) => {
        body += piece;
      });
      response.on('error', reject);
      response.on('end', () => {
        const expected = `${number} `.repeat(number % 300);
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        else if (body !== expected) reject(new Error(`a body of ${body.length} bytes, and not of ${expected.length}`));
        else resolve(String(response.headers['x-machine']));
      });
    });
    message.on('error', reject);
    message.end(method === 'POST' ? `the body of ${number}` : undefined);
  });
}
