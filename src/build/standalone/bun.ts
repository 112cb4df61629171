// Bun, which compiles a standalone executable and is most of it: where it is on this machine, and the one for another machine.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UserError } from '../../load/user-error.ts';
import { isProgram, programsInPath } from '../programs.ts';
import { run } from '../trial.ts';

/** By the words of --target: the package of npm that has Bun for such a machine. */
const PACKAGES = {
  'linux-x64': '@oven/bun-linux-x64',
  'linux-x64-baseline': '@oven/bun-linux-x64-baseline',
  'linux-x64-musl': '@oven/bun-linux-x64-musl',
  'linux-x64-musl-baseline': '@oven/bun-linux-x64-musl-baseline',
  'linux-arm64': '@oven/bun-linux-aarch64',
  'linux-arm64-musl': '@oven/bun-linux-aarch64-musl',
} as const;

/** "linux-x64-musl": a system, a processor, and a C library or an older processor. */
export type Target = keyof typeof PACKAGES;

/** Returns the target that `name` is. Throws a `UserError` for other names. */
export function parseTargetMachine(name: string): Target {
  const target = Object.keys(PACKAGES).find((known): known is Target => known === name);
  if (target) return target;
  throw new UserError('option-wrong', `The target must be one of ${Object.keys(PACKAGES).join(', ')}, got ${name}`);
}

/** Bun on this machine. */
export interface Bun {
  path: string;
  /** "1.4.5". */
  version: string;
}

/**
 * Returns Bun: the one in the PATH, or that of npm's package `bun` beside the application, whose path is `module`, or beside
 * ourselves. Throws a `UserError` that says how to get it.
 */
export async function findBun(module: string): Promise<Bun> {
  const inPackages = [...installed('bun', module, ['bin/bun.exe', 'bin/bun']), ...ownPackages(module)].filter(isProgram);
  for (const path of [...programsInPath('bun'), ...inPackages]) {
    const { output } = await run([path, '--version'], '/', {});
    // Where npm was told to run no scripts, it leaves a program in the place of Bun that only complains.
    const [version, major = '', minor = ''] = /^(\d+)\.(\d+)\.\d+/.exec(output) ?? [];
    if (version === undefined) continue;
    if (Number(major) < 1 || (Number(major) === 1 && Number(minor) < 4)) {
      throw new UserError('runtime-missing', `--standalone needs Bun 1.4 or later, and ${path} is ${version}; npm install --save-dev bun`);
    }
    return { path, version };
  }
  throw new UserError('runtime-missing', '--standalone needs Bun, and it is not installed; npm install --save-dev bun');
}

/** What npm has put there for this machine, where it was told to run no scripts. */
function ownPackages(module: string): string[] {
  return Object.entries(PACKAGES)
    .filter(([target]) => target.startsWith(`linux-${process.arch}`))
    .flatMap(([, name]) => installed(name, module, ['bin/bun']));
}

/**
 * Returns the path of Bun for `target`, which is of the very version of `bun`: the code that one compiles is for the other.
 * Throws a `UserError` that says how to get it.
 */
export async function findBase(target: Target, bun: Bun, module: string): Promise<string> {
  const name = PACKAGES[target];
  const found = installed(name, module, ['bin/bun']).filter(isProgram);
  const base = found.find((path) => versionOf(path) === bun.version);
  if (base !== undefined) return base;
  const other = found[0] === undefined ? 'it is not installed' : `here it is ${versionOf(found[0])}, and Bun itself ${bun.version}`;
  // npm refuses what is for another machine, but for this option.
  const command = `npm install --no-save --force ${name}@${bun.version}`;
  throw new UserError('runtime-missing', `--target ${target} needs the package ${name}, and ${other}; ${command}`);
}

/** The version in the package.json of a package that has `path` in its folder "bin". */
function versionOf(path: string): string {
  return createRequire(path)('../package.json').version;
}

/** Where `files` of the package `name` would be, for the module `module` and for ourselves. */
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
