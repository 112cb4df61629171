// The arguments after the name of a command: its options, their values and the other arguments.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearest } from '../load/nearest.ts';
import { UserError } from '../load/user-error.ts';

/** The options of a command, as `parseArgs` of node:util takes them. */
export type Options = NonNullable<ParseArgsConfig['options']>;

/** An option and its value, as they stood on the command line. */
export type OptionValue = readonly [option: string, value: string];

type Arguments<Known extends Options> = Pick<
  ReturnType<typeof parseArgs<{ options: Known; allowPositionals: true; strict: true }>>,
  'values' | 'positionals'
> & {
  /** All options that have a value, in their order. */
  inOrder: OptionValue[];
};

/** Parses `args` by the options that the command knows. Throws a `UserError` for an option that it does not know. */
export function parseArguments<Known extends Options>(args: readonly string[], options: Known): Arguments<Known> {
  try {
    const { values, positionals, tokens } = parseArgs({
      args: joinDashValues(args, options),
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
    const inOrder = tokens.flatMap((token): OptionValue[] =>
      token.kind === 'option' && token.value !== undefined ? [[token.name, token.value]] : [],
    );
    return { values, positionals, inOrder };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, option] = /^Unknown option '(-[^']+)'/.exec(message) ?? [];
    if (option === undefined) throw new UserError('option-wrong', message);
    const meant = nearest(
      option,
      Object.keys(options).map((name) => `--${name}`),
    );
    throw new UserError('option-wrong', `There is no option ${option}${meant ? `; did you mean ${meant}?` : ''}`);
  }
}

/** Whether `args` have --help or -h, and not as the value of another option. Options that the command does not know do no harm. */
export function asksForHelp(args: readonly string[], options: Options): boolean {
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
    strict: false,
  });
  return values.help !== undefined;
}

/**
 * Joins an option and a value that begins with "-" but is no option itself: `-d -1` becomes `-d-1`, `--data -1` becomes
 * `--data=-1`. curl takes such a value; parseArgs refuses it as a separate argument.
 */
function joinDashValues(args: readonly string[], options: Options): string[] {
  const { tokens } = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true });
  const shorts = new Set(Object.values(options).map(({ short }) => short));
  const isOption = (arg: string) => (arg.startsWith('--') ? arg.slice(2) in options : shorts.has(arg[1]));
  const joined = [...args];
  for (const token of tokens.toReversed()) {
    if (token.kind !== 'option' || token.inlineValue !== false || !/^-./.test(token.value) || isOption(token.value)) continue;
    joined.splice(token.index, 2, `${joined[token.index]}${token.rawName.startsWith('--') ? '=' : ''}${token.value}`);
  }
  return joined;
}
