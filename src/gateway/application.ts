// Turns the three forms of an application (function, class, object with call()) into one: a function.

import { ApplicationError } from '../errors.ts';
import { show } from '../show.ts';
import type { Application, ApplicationClass, ApplicationFunction } from '../types.ts';

/** Returns `application` as a function. Throws an `ApplicationError` if it has none of the three forms. PEP 3333 #1, #2 */
export function toFunction(application: Application): ApplicationFunction {
  if (typeof application === 'function') {
    return isClass(application) ? (environ, startResponse) => new application(environ, startResponse) : application;
  }
  if (typeof application === 'object' && application !== null && typeof application.call === 'function') {
    return (environ, startResponse) => application.call(environ, startResponse);
  }
  throw new ApplicationError(
    'application-not-callable',
    `An application must be a function, a class or an object with call(environ, startResponse), got ${show(application)}`,
  );
}

/** Whether `callable` is a class, which cannot be called without `new`. Only a class has a `prototype` that is read-only. */
export function isClass(callable: object): callable is ApplicationClass {
  return Object.getOwnPropertyDescriptor(callable, 'prototype')?.writable === false;
}
