// All applications, in the order that the table of docs/frameworks.md has.

import { express } from './express.ts';
import { frameworks } from './frameworks.ts';
import { libraries } from './libraries.ts';
import type { Sample } from './sample.ts';

export const applications: Sample[] = [...express, ...frameworks, ...libraries];
