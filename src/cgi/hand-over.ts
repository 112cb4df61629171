// Lets a program load a script that ends in runWithCgi(application) and get the application, instead of seeing it run. That is
// how the command line serves a script, and how a warm worker starts one.

import type { Application } from '../types.ts';

/** The arguments of a call of `runWithCgi`. */
export interface HandedOver<Options> {
  application: Application;
  options: Options;
}

type Receiver = (handedOver: HandedOver<object>) => void;

/** A registered symbol, because the script may have a copy of this package of its own. */
const RECEIVER: unique symbol = Symbol.for('run-with-cgi.taker') as never;

/** Whether `handOver` will find a receiver. */
export function isCapturing(): boolean {
  return Reflect.has(globalThis, RECEIVER);
}

/** Gives the arguments of `runWithCgi` to the receiver, and returns true. Returns false if there is none. */
export function handOver(application: Application, options: object): boolean {
  const receiver: Receiver | undefined = Reflect.get(globalThis, RECEIVER);
  receiver?.({ application, options });
  return receiver !== undefined;
}

/** Makes `receiver` get what every `runWithCgi` of this process is given, until the function is called that this returns. */
export function captureApplications(receiver: Receiver): () => void {
  Reflect.set(globalThis, RECEIVER, receiver);
  return () => void Reflect.deleteProperty(globalThis, RECEIVER);
}
