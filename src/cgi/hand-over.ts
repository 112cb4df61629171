// A module that ends in runWithCgi(application) is a script. Whoever wants to serve it in another way loads
// it while a taker stands here, and gets the application instead of seeing it run.

import type { Application } from '../types.ts';

/** What `runWithCgi` was given. */
export interface HandedOver<Options> {
  application: Application;
  options: Options;
}

type Taker = (handedOver: HandedOver<object>) => void;

/** By a registered symbol: the taker and the script may have copies of this package. */
const TAKER: unique symbol = Symbol.for('run-with-cgi.taker') as never;

/** Whether somebody will take what this process is told to run. */
export function isHandedOver(): boolean {
  return Reflect.has(globalThis, TAKER);
}

/** Returns true when somebody has taken the application. */
export function handOver(application: Application, options: object): boolean {
  const taker: Taker | undefined = Reflect.get(globalThis, TAKER);
  taker?.({ application, options });
  return taker !== undefined;
}

/** From now on `taker` gets the application of every `runWithCgi` of this process, until the function returned is called. */
export function takeApplications(taker: Taker): () => void {
  Reflect.set(globalThis, TAKER, taker);
  return () => void Reflect.deleteProperty(globalThis, TAKER);
}
