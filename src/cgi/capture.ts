// Lets a program load a script that ends in runWithCgi(application), and get the application instead of a run. That is how
// the command line serves a script, and how a warm worker starts one.

import type { Application } from '../types.ts';

/** The arguments of a call of `runWithCgi`. */
export interface Captured<Options> {
  application: Application;
  options: Options;
}

type OnApplication = (captured: Captured<object>) => void;

/** A registered symbol, because the script may have a copy of this package of its own. */
const ON_APPLICATION: unique symbol = Symbol.for('run-with-cgi.on-application') as never;

/** Calls `onApplication` instead of each run of an application in this process, until the function is called that this returns. */
export function captureApplications(onApplication: OnApplication): () => void {
  Reflect.set(globalThis, ON_APPLICATION, onApplication);
  return () => void Reflect.deleteProperty(globalThis, ON_APPLICATION);
}

/** Whether the program that has loaded this script captures its application. */
export function isCapturing(): boolean {
  return Reflect.has(globalThis, ON_APPLICATION);
}

/** Gives the arguments of `runWithCgi` to the program that captures applications. Returns false if there is none. */
export function offerApplication(application: Application, options: object): boolean {
  const onApplication: OnApplication | undefined = Reflect.get(globalThis, ON_APPLICATION);
  onApplication?.({ application, options });
  return onApplication !== undefined;
}
