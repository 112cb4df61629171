// Applications as people have them, with their real packages, are asked as their authors would start them, then built and asked by
// pipe and by Apache. The answers are the same. docs/frameworks.md lists them; WRITE_LIST=1 writes that list anew.

import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Running, start } from '../servers/servers.ts';
import { applications, leftOut } from './applications.ts';
import { type Row, readList, toList, writeList } from './list.ts';
import {
  type Answer,
  apacheWithHosts,
  askBuilt,
  askHost,
  build,
  comparable,
  make,
  type Native,
  PLACES,
  type Place,
  startNatively,
} from './places.ts';
import type { Question, Sample } from './sample.ts';

interface Asked {
  place: Place;
  question: Question;
  expected: Answer;
  got: Answer;
}

interface Found {
  /** The message of the build when it has failed, or another error. */
  refused: string | undefined;
  asked: Asked[];
}

let upstream: Native;
let server: Running;
let site = '';
const found = new Map<string, Found>();

const envOf = ({ asksUpstream = false }: Sample): Record<string, string> =>
  asksUpstream ? { UPSTREAM: `http://127.0.0.1:${upstream.port}` } : {};

beforeAll(async () => {
  const [first] = applications;
  if (!first) throw new Error('There are no applications');
  upstream = await startNatively(first, {});
  server = await start(apacheWithHosts(applications, envOf), (cgiBin) => {
    site = cgiBin;
  });
  const left = [...applications];
  const work = async () => {
    for (let sample = left.shift(); sample; sample = left.shift()) {
      const { name } = sample;
      found.set(name, await askEverywhere(sample).catch((error: unknown) => ({ refused: String(error), asked: [] })));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}, 600_000);

afterAll(async () => {
  await upstream?.stop();
  await server?.stop();
});

async function askEverywhere(sample: Sample): Promise<Found> {
  const env = envOf(sample);
  await make(sample);
  const [answers, refused] = await Promise.all([askNatively(sample, env), build(sample, site, env)]);
  if (refused !== undefined) return { refused, asked: [] };
  const asked: Asked[] = [];
  for (const { question, expected } of answers)
    asked.push(
      ...(await Promise.all(
        PLACES.map(async (place) => {
          const got = await askBuilt(sample, place, { folder: site, port: server.port }, question, env);
          return { place, question, expected, got };
        }),
      )),
    );
  return { refused, asked };
}

async function askNatively(sample: Sample, env: Record<string, string>): Promise<{ question: Question; expected: Answer }[]> {
  if (sample.questions.length === 0) return [];
  const native = await startNatively(sample, env);
  try {
    const answers = [];
    for (const question of sample.questions) answers.push({ question, expected: await askHost(sample, native.port, question) });
    return answers;
  } finally {
    await native.stop();
  }
}

const isSame = (sample: Sample, { question, expected, got }: Asked) =>
  JSON.stringify(comparable(got, expected, sample, question)) === JSON.stringify(comparable(expected, got, sample, question));

describe.each(applications)('$name', (sample) => {
  test(sample.cannot === undefined ? 'is built' : 'cannot be built', () => {
    const refused = found.get(sample.name)?.refused;
    if (sample.cannot === undefined) expect(refused).toBeUndefined();
    else expect(refused).toContain(sample.cannot.says);
  });

  test.each(sample.questions)('$method $path', (question) => {
    const asked = found.get(sample.name)?.asked.filter((one) => one.question === question) ?? [];
    expect(asked).toHaveLength(PLACES.length);
    const expected = asked.map(({ place, expected, got }) => ({ place, ...comparable(expected, got, sample, question) }));
    expect(asked.map(({ place, expected, got }) => ({ place, ...comparable(got, expected, sample, question) }))).toEqual(expected);
  });
});

test('docs/frameworks.md lists what was found', () => {
  const rows = applications.map((sample): Row => {
    const { refused, asked } = found.get(sample.name) ?? { refused: 'not asked', asked: [] };
    const same = (kind: string) => asked.filter((one) => one.place.startsWith(kind) && isSame(sample, one)).length;
    return { sample, isBuilt: refused === undefined, byPipe: same('by pipe'), byApache: same('by Apache') };
  });
  const list = toList(rows);
  if (process.env.WRITE_LIST) writeList(list);
  const isTried = (line: string) => !leftOut.some(({ name }) => line.includes(`(../test/applications/${name})`));
  expect(readList().split('\n').filter(isTried).join('\n')).toBe(list);
});
