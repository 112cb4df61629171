// Finds Bun, which compiles a standalone executable and makes up most of it: the Bun of this machine, and the one of another.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UserError } from '../../load/user-error.ts';
import { isProgram, programsInPath } from '../programs.ts';
import { run } from '../trial.ts';

/** The packages of npm that have Bun for a machine, by the name of the machine in --target. */
const PACKAGES = {
  'linux-x64': '@oven/bun-linux-x64',
  'linux-x64-baseline': '@oven/bun-linux-x64-baseline',
  'linux-x64-musl': '@oven/bun-linux-x64-musl',
  'linux-x64-musl-baseline': '@oven/bun-linux-x64-musl-baseline',
  'linux-arm64': '@oven/bun-linux-aarch64',
  'linux-arm64-musl': '@oven/bun-linux-aarch64-musl',
} as const;

/** "linux-x64-musl": a system, a processor, and a C library or an older processor. */
export type Machine = keyof typeof PACKAGES;

/** Returns the machine that `name` is. Throws a `UserError` for other names. */
export function parseMachine(name: string): Machine {
  const machine = Object.keys(PACKAGES).find((known): known is Machine => known === name);
  if (machine) return machine;
  throw new UserError('option-wrong', `The target must be one of ${Object.keys(PACKAGES).join(', ')}, got ${name}`);
}

/** Bun on this machine. */
export interface Bun {
  path: string;
  /** "1.4.5". */
  version: string;
}

/**
 * Returns the Bun in the PATH, or that of npm's package `bun` beside the application, whose path is `module`, or beside this
 * package. Throws a `UserError` that says how to install it.
 */
export async function findBun(module: string): Promise<Bun> {
  const inPackages = [...installed('bun', module, ['bin/bun.exe', 'bin/bun']), ...inMachinePackages(module)].filter(isProgram);
  for (const path of [...programsInPath('bun'), ...inPackages]) {
    const { output } = await run([path, '--version'], '/', {});
    // npm with --ignore-scripts leaves a program in the place of Bun that only complains.
    const [version, major = '', minor = ''] = /^(\d+)\.(\d+)\.\d+/.exec(output) ?? [];
    if (version === undefined) continue;
    if (Number(major) < 1 || (Number(major) === 1 && Number(minor) < 4)) {
      throw new UserError('runtime-missing', `--standalone needs Bun 1.4 or later, and ${path} is ${version}; npm install --save-dev bun`);
    }
    return { path, version };
  }
  throw new UserError('runtime-missing', '--standalone needs Bun, and it is not installed; npm install --save-dev bun');
}

/** Returns the paths of Bun in the packages for this machine, which are whole even where npm ran no scripts. */
function inMachinePackages(module: string): string[] {
  return Object.entries(PACKAGES)
    .filter(([target]) => target.startsWith(`linux-${process.arch}`))
    .flatMap(([, name]) => installed(name, module, ['bin/bun']));
}

/**
 * Returns the path of Bun for `target`. It has the version of `bun`, because only that version runs the code that `bun`
 * compiles. Throws a `UserError` that says how to install it.
 */
export async function findBase(target: Machine, bun: Bun, module: string): Promise<string> {
  const name = PACKAGES[target];
  const found = installed(name, module, ['bin/bun']).filter(isProgram);
  const base = found.find((path) => versionOf(path) === bun.version);
  if (base !== undefined) return base;
  const other = found[0] === undefined ? 'it is not installed' : `here it is ${versionOf(found[0])}, and Bun itself ${bun.version}`;
  // Without --force npm refuses a package for another machine.
  const command = `npm install --no-save --force ${name}@${bun.version}`;
  throw new UserError('runtime-missing', `--target ${target} needs the package ${name}, and ${other}; ${command}`);
}

/** Returns the version of the package that has `path` in its folder "bin". */
function versionOf(path: string): string {
  return createRequire(path)('../package.json').version;
}

/** Returns the paths of `files` in the package `name`, as `module` and this package would import it. They may not exist. */
function installed(name: string, module: string, files: readonly string[]): string[] {
  return [module, import.meta.url].flatMap((from) => {
    try {
      const folder = dirname(createRequire(from).resolve(`${name}/package.json`));
      return files.map((file) => join(folder, file));
    } catch {
      return [];
    }
  });
}
