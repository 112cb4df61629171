// All applications, in the order that the list of docs/frameworks.md has.

import { express } from './express.ts';
import { frameworks } from './frameworks.ts';
import { libraries } from './libraries.ts';
import type { Sample } from './sample.ts';

const all: Sample[] = [...express, ...frameworks, ...libraries];

function startsHere({ newestNode = Infinity }: Sample): boolean {
  return Number.parseInt(process.versions.node, 10) <= newestNode;
}

export const applications = all.filter(startsHere);
/** Applications that this Node is too new for. */
export const leftOut = all.filter((sample) => !startsHere(sample));
