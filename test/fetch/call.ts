// One request to a Fetch handler, by the contract.

import { expect } from 'vitest';
import { type FetchFunction, fromFetch } from '../../src/fetch/index.ts';
import { call as callApplication, type TestRequest, type TestResponse } from '../../src/testing/index.ts';
import { type ContractError, validator } from '../../src/validator/index.ts';

/** Sends `request` to `handler`. Fails if the adapter breaks a rule of the contract. */
export async function call(handler: FetchFunction, request: TestRequest = {}): Promise<TestResponse> {
  const violations: ContractError[] = [];
  // A Response need not have a Content-Type.
  const report = (violation: ContractError) => violation.code !== 'content-type-missing' && violations.push(violation);
  const response = await callApplication(validator(fromFetch(handler), { report }), request);
  expect(violations).toEqual([]);
  return response;
}
