// The names of the commands. They stand in a file of their own because main.ts needs no more of the commands than this.

export const COMMAND_NAMES = ['request', 'serve', 'validate', 'doctor', 'build', 'init', 'fastcgi', 'scgi'] as const;

export type CommandName = (typeof COMMAND_NAMES)[number];

export function isCommandName(name: string): name is CommandName {
  return COMMAND_NAMES.some((one) => one === name);
}
