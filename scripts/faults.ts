// Does a campaign of test/faults, with as many runs as asked for.

import { Campaign, type Planned, showFailure } from '../test/faults/campaign.ts';
import { Workshop } from '../test/faults/run.ts';
import { makeScenarios } from '../test/faults/scenarios.ts';

const [runsText = '1000', seedText = String(Date.now() % 1e9), only, plan] = process.argv.slice(2);
const seed = Number(seedText);
let state = seed;

/** A whole number from 0 to `end` - 1, the same ones for the same seed (mulberry32). */
function random(end: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
}

/** Puts `values` into an order by chance. */
function shuffle<Value>(values: Value[]): Value[] {
  for (let at = values.length - 1; at > 0; at--) {
    const other = random(at + 1);
    [values[at], values[other]] = [values[other] as Value, values[at] as Value];
  }
  return values;
}

let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isStopped = true;
  });
}

const workshop = new Workshop();
try {
  const scenarios = makeScenarios(workshop).filter(({ name }) => only === undefined || name === only);
  const campaign = new Campaign(workshop, scenarios);
  const [first] = scenarios;
  if (first === undefined) throw new Error(`There is no scenario "${only}"`);
  const planned = function* (): Generator<Planned> {
    if (plan !== undefined) return yield campaign.plan(first, plan);
    yield* shuffle([...campaign.singles(), ...campaign.disturbed()]);
    if (runsText !== '0') yield* campaign.pairs(random);
  };
  const runs = runsText === '0' ? Infinity : Number(runsText);
  const began = performance.now();
  const report = () => {
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(`${campaign.runs} runs of ${scenarios.length} scenarios, seed ${seed}, ${seconds} s: ${campaign.failures} broke a claim.`);
  };
  for (const run of planned()) {
    if (campaign.runs >= runs || isStopped) break;
    const failure = campaign.try(run);
    if (failure) console.log(showFailure(failure));
    if (campaign.runs % 1000 === 0) report();
    // A signal is noticed between two runs.
    await new Promise(setImmediate);
  }
  report();
  process.exitCode = campaign.failures > 0 ? 1 : 0;
} finally {
  workshop.remove();
}
