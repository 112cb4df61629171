// The statuses that the gateway has a table of.

import { STATUS_CODES } from 'node:http';
import { expect, test } from 'vitest';
import { reasonOf } from '../../src/gateway/status.ts';

test('the reasons are those of node:http for every final status that it knows, and "Unknown" for any other', () => {
  const finals = Object.entries(STATUS_CODES).filter(([code]) => Number(code) >= 200);
  expect(finals.map(([code]) => [code, reasonOf(Number(code))])).toEqual(finals);
  expect([reasonOf(299), reasonOf(999)]).toEqual(['Unknown', 'Unknown']);
});
