// Several processes that serve the same application, by Node's cluster: they are replaced when they crash,
// one by one when the code has changed, and ended in good order.

import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';

/** Milliseconds before a worker that has crashed is replaced: doubled from crash to crash. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** A worker that has lived this long, in milliseconds, was not broken from the beginning. */
const SOUND = 10_000;
/** Milliseconds for running requests when workers end; after that they are cut. */
const DRAIN = 30_000;

/**
 * Runs `count` workers until SIGTERM, SIGINT or SIGUSR1 comes and resolves when the last one has ended. On SIGHUP each is
 * replaced in turn: a new one first, then the old one gets SIGTERM, upon which it serves for `grace` milliseconds more.
 * `log` is told what happens.
 */
export async function runWorkers(count: number, grace: number, log: (line: string) => void): Promise<void> {
  let isEnding = false;
  let delay = FIRST_DELAY;
  let reload: Promise<void> | undefined;

  const start = (): Worker => {
    const worker = cluster.fork();
    const began = Date.now();
    worker.on('exit', (code, signal) => {
      if (isEnding || worker.exitedAfterDisconnect || (code === 0 && !signal) || replaced.has(worker)) {
        if (code === 0 && !isEnding && !replaced.has(worker)) start(); // it has answered as many requests as it should
        return;
      }
      if (Date.now() - began > SOUND) delay = FIRST_DELAY;
      log(`worker ${worker.process.pid} ended ${signal ? `by ${signal}` : `with exit status ${code}`}; another one begins in ${delay} ms`);
      setTimeout(() => isEnding || start(), delay);
      delay = Math.min(delay * 2, LONGEST_DELAY);
    });
    return worker;
  };
  const replaced = new WeakSet<Worker>();

  const replaceAll = async () => {
    for (const old of workers()) {
      if (isEnding) return;
      replaced.add(old);
      const fresh = start();
      const isUp = await Promise.race([once(fresh, 'listening').then(() => true), once(fresh, 'exit').then(() => false)]);
      if (!isUp) {
        // The new code is broken: what runs goes on.
        log(`worker ${fresh.process.pid} did not start; worker ${old.process.pid} stays`);
        replaced.delete(old);
        replaced.add(fresh);
        return;
      }
      await end(old, grace);
    }
  };

  for (let one = 0; one < count; one++) start();
  process.on('SIGHUP', () => {
    reload = (reload ?? Promise.resolve()).then(replaceAll);
  });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) process.on(signal, () => resolve());
  });
  isEnding = true;
  await Promise.all(workers().map((worker) => end(worker, grace)));
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** Lets `worker` finish what runs. */
async function end(worker: Worker, grace: number): Promise<void> {
  if (worker.isDead()) return;
  const ended = once(worker, 'exit');
  worker.process.kill('SIGTERM');
  const cut = setTimeout(() => worker.process.kill('SIGKILL'), grace + DRAIN);
  await ended;
  clearTimeout(cut);
}
