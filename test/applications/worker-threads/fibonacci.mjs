import { parentPort, workerData } from 'node:worker_threads';

const fibonacci = (n) => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));

parentPort.postMessage(fibonacci(workerData));
