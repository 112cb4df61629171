// Tries faults on all scenarios: each fault at each step alone, disturbances of whole runs, and pairs of faults by chance.

import { spawnSync } from 'node:child_process';
import { violations } from './claims.ts';
import { differing, faultsAt, faultText } from './plans.ts';
import type { Ended, Fault, Step, Workshop } from './run.ts';
import type { Scenario } from './scenarios.ts';

/** A run to come. */
export interface Planned {
  scenario: Scenario;
  faults: readonly Fault[];
}

/** A run that has broken claims. */
export interface Failure extends Planned {
  ended: Ended;
  broken: readonly string[];
}

/** One scenario, as it runs without faults. */
interface Subject {
  scenario: Scenario;
  steps: readonly Step[];
  loadingSteps: number;
}

/** Returns options of parent.c that disturb a whole run. */
function makeDisturbances(): (readonly string[])[] {
  const least = leastDescriptors();
  return [
    ...[0, 1, 10, 69, 4_000, 70_000].map((count) => [`leave=${count}`]),
    ...['0', '1', '2'].map((descriptor) => [`close=${descriptor}`]),
    ['close=0', 'close=1', 'close=2'],
    ['out=/dev/full'],
    ...[0, 1, 50, 4096, 100_000, 1_200_000].map((size) => [`fsize=${size}`]),
    ...[0, 1, 2, 3, 4, 5, 6, 8].map((more) => [`nofile=${least + more}`]),
    ['stack=262144'],
    ['mute'],
    ['same'],
    ...[1, 2, 3, 9, 15].map((signal) => [`after=${signal}`]),
    ['loose=0', 'loose=1', 'loose=2'],
    ['server'],
  ];
}

/** Returns with how many descriptors this Node starts at all. */
export function leastDescriptors(): number {
  for (let count = 12; ; count++) {
    const { status } = spawnSync('/bin/sh', ['-c', `ulimit -n ${count} && exec "$0" -e 0`, process.execPath], { stdio: 'ignore' });
    if (status === 0) return count;
  }
}

/**
 * Whether a scenario with these options can keep all claims. A script without a free descriptor cannot open anew a log that is full
 * and that nobody reads. Where descriptor 0 is closed, a body of unknown length is one without bytes. Where descriptor 1 is
 * closed, nobody tells that descriptor 2 leads to the client.
 */
function isPossible({ options, env }: Scenario): boolean {
  const isStuck = options.includes('mute') && options.some((option) => option.startsWith('nofile='));
  const isUnseen = options.includes('same') && options.includes('close=1');
  return !isStuck && !isUnseen && !(options.includes('close=0') && env.CONTENT_LENGTH === '');
}

/** Runs scenarios with faults, and keeps count. */
export class Campaign {
  /** How many runs there have been, and how many of them have broken a claim. */
  runs = 0;
  failures = 0;
  readonly #workshop: Workshop;
  readonly #subjects: Subject[];
  readonly #disturbances = makeDisturbances();

  /** Runs each scenario once without faults. Throws if one of these runs breaks a claim. */
  constructor(workshop: Workshop, scenarios: readonly Scenario[]) {
    this.#workshop = workshop;
    this.#subjects = scenarios.map((scenario) => {
      const ended = workshop.run({ ...scenario, faults: [], trace: true });
      const broken = violations(scenario, ended, 0);
      if (broken.length > 0) throw new Error(`${scenario.name} without faults: ${broken.join('; ')}\n${ended.log}`);
      const { steps } = ended;
      const first = steps.find(({ call, thing }) => call === 'readlink' && thing === 'stdout');
      return { scenario, steps, loadingSteps: scenario.isBuilt ? 0 : (first?.number ?? 0) };
    });
  }

  /** All single faults, at all steps of all scenarios. */
  *singles(): Generator<Planned> {
    for (const { scenario, steps } of this.#subjects) {
      for (const step of differing(steps)) for (const fault of faultsAt(step, scenario)) yield { scenario, faults: [fault] };
    }
  }

  /** All disturbances of all scenarios. */
  *disturbed(): Generator<Planned> {
    for (const { scenario } of this.#subjects) {
      for (const options of this.#disturbances) {
        const disturbed = { ...scenario, options: [...scenario.options, ...options] };
        if (isPossible(disturbed)) yield { scenario: disturbed, faults: [] };
      }
    }
  }

  /** Pairs of faults by chance, without end. `random` returns a whole number from 0 to its argument - 1. */
  *pairs(random: (end: number) => number): Generator<Planned> {
    const oneOf = <Value>(values: readonly Value[]): Value | undefined => values[random(values.length)];
    for (;;) {
      const subject = oneOf(this.#subjects);
      if (subject === undefined) return;
      const { scenario, steps } = subject;
      const disturbance = random(4) === 0 ? (oneOf(this.#disturbances) ?? []) : [];
      const disturbed = { ...scenario, options: [...scenario.options, ...disturbance] };
      if (!isPossible(disturbed)) continue;
      const faults = [oneOf(steps), oneOf(steps)].flatMap((step) => (step && oneOf(faultsAt(step, disturbed))) ?? []);
      yield { scenario: disturbed, faults };
    }
  }

  /**
   * Reads a run: faults, and options of parent.c, with spaces between. The step of a fault is its number, or the call, what it is
   * on, and the how manyth such call it is: "15:error:5 write.stdout.1:short:1 leave=10".
   */
  plan(scenario: Scenario, text: string): Planned {
    const steps = this.#subjects.find((subject) => subject.scenario === scenario)?.steps ?? [];
    const faults: Fault[] = [];
    const options: string[] = [];
    for (const word of text.split(/[ ,]+/).filter(Boolean)) {
      const [at = '', kind, argument, only] = word.split(/[:@]/);
      const [call, name = '', count] = at.split('.');
      const found = steps.filter((step) => step.call === call && step.thing.endsWith(name))[Number(count) - 1];
      const step = count === undefined ? Number(at) : found?.number;
      if (kind === undefined) options.push(word);
      else if (!step) throw new Error(`${scenario.name} has no step ${at}`);
      else faults.push({ step, kind: kind as Fault['kind'], argument: Number(argument), ...(only && { call: only }) });
    }
    return { scenario: { ...scenario, options: [...scenario.options, ...options] }, faults };
  }

  /** Does one run, and returns it if it has broken a claim. */
  try({ scenario, faults }: Planned): Failure | undefined {
    this.runs++;
    const ended = this.#workshop.run({ ...scenario, faults });
    const loadingSteps = this.#subjects.find((subject) => subject.scenario.name === scenario.name)?.loadingSteps ?? 0;
    const broken = violations(scenario, ended, loadingSteps);
    if (broken.length === 0) return undefined;
    this.failures++;
    return { scenario, faults, ended, broken };
  }
}

/** Returns a failure as text: what was run, which claims it broke, what it has written. */
export function showFailure({ scenario, faults, ended, broken }: Failure): string {
  const hits = ended.steps.filter(({ fault }) => fault !== undefined);
  return [
    `${scenario.name}, options ${scenario.options.join(' ')}, faults ${faultText(faults) || 'none'}:`,
    ...hits.map(({ number, call, thing, fault }) => `  step ${number}: ${call} of ${thing} met ${fault?.kind} ${fault?.argument}`),
    ...broken.map((claim) => `  broken: ${claim}`),
    `  status ${ended.status ?? `signal ${ended.signal}`}, marks ${ended.marks.join(' ') || 'none'}, log ${JSON.stringify(ended.log.slice(0, 1000))}`,
  ].join('\n');
}
