// A few faults of scripts/faults: those that have found a defect, and others of each kind.

import { afterAll, expect, test } from 'vitest';
import { Campaign, leastDescriptors, showFailure } from './campaign.ts';
import { Workshop } from './run.ts';
import { makeScenarios } from './scenarios.ts';

/** By scenario: the faults and options of each run, as Campaign.plan() takes them. */
const SELECTED: Readonly<Record<string, readonly string[]>> = {
  hello: [
    // The script cannot be read.
    ...['stat.file.1:error:5', 'read.file.1:eof:0'],
    // Descriptor 1 cannot be closed, looked at, opened again.
    ...['close.stdout.2:error:5', 'readlink.stdout.1:error:13', 'open.stdout.2:error:24'],
    // The response cannot be written, or only piece by piece.
    ...['write.stdout.1:fail:28', 'write.stdout.1:error:32', 'write.stdout.1:signal:9', 'write.stdout.1:shorts:7', 'out=/dev/full'],
  ],
  'hello HEAD': ['read.file.1:error:5'],
  // The log is the response.
  'hello same': ['read.file.1:error:5', 'readlink.stdout.1:error:2 readlink.stderr.1:error:2'],
  'throws-in-close': ['same', 'same socket'],
  // A relay reads no body out of its own script, loses no bytes in the middle of a record, and logs why it cannot write.
  'warm echo': ['close=0', 'write.socket.2:error:28', 'write.stdout.1:fail:28', 'read.socket.1:eof:0', 'read.stdin.1:error:5'],
  // Signals before, in and behind the response; a server that dies, or reads no further; pipes that others have made non-blocking.
  'blocks server': [
    ...['write.stdout.1:signal:15', 'write.stdout.2:signal:15', 'write.stdout.2:after:1', 'close.stdout.3:signal:2'],
    ...['write.stdout.1:parent:0', 'write.stdout.2:error:11 write.stdout.3:error:4', 'leave=10', 'loose=0 loose=1 loose=2'],
  ],
  // There is no room for the request body, and no descriptor for its file.
  'spooled first': ['fsize=1200000', `nofile=${leastDescriptors() + 1}`, 'write.file.1:error:28', 'open.environ.1:fail:24'],
  // The system does not tell how long a file is; the file cannot be read to its end.
  file: ['read.file.5:eof:0', 'read.file.8:error:5'],
  // The body cannot be read, or breaks off.
  'echo unsized': ['read.stdin.1:error:5', 'read.stdin.2:fail:104'],
  'echo large': ['half=5', 'read.stdin.2:signal:15', 'read.stdin.3:error:104'],
  // Nobody tells that descriptor 0 is a pipe.
  'async-echo large first': ['readlink.stdin.1:error:13'],
};

const workshop = new Workshop();
afterAll(() => workshop.remove());

test('each fault leads to one response or none, one close(), a cause in the log, and nothing that is left', () => {
  const scenarios = makeScenarios(workshop).filter(({ name }) => name in SELECTED);
  const campaign = new Campaign(workshop, scenarios);
  for (const scenario of scenarios) {
    for (const words of SELECTED[scenario.name] ?? []) {
      const failure = campaign.try(campaign.plan(scenario, words));
      expect(failure && showFailure(failure)).toBeUndefined();
    }
  }
}, 60_000);
