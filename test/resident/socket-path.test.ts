// Several processes want the path of one Unix socket, and take their steps in any order. The path has one owner at most, and a
// process that was killed does not keep it from the others.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-path-'));
const socket = join(folder, 's');
const spare = join(folder, 'dead');

/** A process of contender.ts, and the last line that it has written. */
class Contender {
  said = '';
  readonly process: ChildProcess;
  #lines: AsyncIterator<string>;
  #turns: Writable;

  constructor() {
    const program = fileURLToPath(new URL('contender.ts', import.meta.url));
    const stdio = ['pipe', 'pipe', 'inherit', 'pipe'] as const;
    this.process = spawn(process.execPath, ['--import', 'tsx', program, socket, 'stepwise'], { stdio: [...stdio] });
    const { stdout, stdio: streams } = this.process;
    const turns = streams[3];
    if (!stdout || !(turns instanceof Writable)) throw new Error('no pipes');
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
    this.#turns = turns;
  }

  async hears(): Promise<string> {
    const { value } = await this.#lines.next();
    this.said = value;
    return value;
  }

  /** Tells the process what to want. Resolves when it is about to take its first step, or has written how it ended. */
  async want(what: 'listen' | 'close'): Promise<void> {
    this.process.stdin?.write(`${what}\n`);
    await this.hears();
  }

  get isBeforeStep(): boolean {
    return this.said.startsWith('step ');
  }

  async step(): Promise<void> {
    this.#turns.write('\n');
    await this.hears();
  }

  async run(): Promise<string> {
    while (this.isBeforeStep) await this.step();
    return this.said;
  }

  async kill(): Promise<void> {
    if (this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}

let contenders: Contender[] = [];
async function begin(count: number): Promise<Contender[]> {
  const fresh = Array.from({ length: count }, () => new Contender());
  contenders.push(...fresh);
  await Promise.all(fresh.map((contender) => contender.hears()));
  return fresh;
}

/** Whether a process accepts connections at the path. */
async function isAlive(): Promise<boolean> {
  const probe = connect(socket);
  const answer = await once(probe, 'connect').then(
    () => true,
    () => false,
  );
  probe.destroy();
  return answer;
}

beforeAll(async () => {
  // Makes a dead socket. Closing the server removes only the name that it was bound by.
  const dead = createServer().listen(`${spare}.bound`);
  await once(dead, 'listening');
  linkSync(`${spare}.bound`, spare);
  dead.close();
  await once(dead, 'close');
});
afterEach(async () => {
  await Promise.all(contenders.map((contender) => contender.kill()));
  contenders = [];
  for (const name of readdirSync(folder)) if (name !== 'dead') rmSync(join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Returns a generator of numbers from 0 to 1, the same ones for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe('the path of a dead socket', () => {
  test('gets one owner, reachable all the time, in any order of the steps of three processes', async () => {
    const all = await begin(3);
    for (let seed = 1; seed <= 40; seed++) {
      const chance = random(seed);
      const order: string[] = [];
      linkSync(spare, socket);
      for (const contender of all) await contender.want('listen');
      for (;;) {
        const owners = all.filter(({ said }) => said === 'listening');
        const found = owners.length === 0 || (await isAlive());
        if (owners.length > 1 || !found) throw new Error(`${owners.length} owners, found: ${found}; seed ${seed}\n${order.join('\n')}`);
        const next = all.filter(({ isBeforeStep }) => isBeforeStep);
        const one = next[Math.floor(chance() * next.length)];
        if (!one) break;
        order.push(`${all.indexOf(one)} ${one.said}`);
        await one.step();
      }
      const said = all.map((contender) => contender.said);
      if (said.filter((word) => word === 'listening').length !== 1) throw new Error(`${said}; seed ${seed}\n${order.join('\n')}`);
      for (const contender of all) {
        await contender.want('close');
        await contender.run();
      }
      expect(readdirSync(folder)).toEqual(['dead']);
    }
  }, 120_000);

  test('is free for the next process, whenever one that takes it is killed', async () => {
    const [second] = await begin(1);
    for (let steps = 0; ; steps++) {
      linkSync(spare, socket);
      const [first] = await begin(1);
      if (!first || !second) throw new Error('nobody has begun');
      await first.want('listen');
      for (let step = 0; step < steps && first.isBeforeStep; step++) await first.step();
      const isThrough = !first.isBeforeStep;
      await first.kill();
      await second.want('listen');
      expect([steps, await second.run()]).toEqual([steps, 'listening']);
      await second.want('close');
      await second.run();
      expect(readdirSync(folder)).toEqual(['dead']);
      if (isThrough) return;
    }
  }, 120_000);
});
