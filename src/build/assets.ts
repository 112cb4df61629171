// Files that an application reads where it runs: they lie in a folder beside the script, as they lie in the project, and that
// folder is to the application what its project was.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../load/user-error.ts';
import type { OwnPath } from './own-paths.ts';

/** The name of the folder, behind that of the script. */
export const ASSETS = '.assets';

/** For Apache, where the script lies among the pages of a site: templates and secrets are none of them. */
const HTACCESS = 'Require all denied\n';

/** Where a file lies below the folder of the assets: as below `project`, and a package that is installed above that as if it were in it. */
function placeOf(path: string, project: string): string | undefined {
  const below = relative(project, path);
  if (!below.startsWith(`..${sep}`) && below !== '..') return below;
  const at = below.indexOf(`node_modules${sep}`);
  return at < 0 ? undefined : below.slice(at);
}

/**
 * Copies `assets`, paths below `project`, into `folder`, which has the folders `empty` as well, where there are any. Throws a `UserError` for what is not there, or not
 * below `project`.
 */
export async function copyAssets(assets: readonly string[], project: string, folder: string, empty: readonly string[]): Promise<void> {
  if (assets.length === 0) return;
  for (const asset of assets) {
    const path = resolve(project, asset);
    const place = placeOf(path, project);
    if (!place) {
      throw new UserError(
        'assets-wrong',
        `Assets are files and folders below the one where build runs, got ${asset}; run it in the folder of the project`,
      );
    }
    if (!existsSync(path)) throw new UserError('assets-wrong', `There is no file or folder ${asset}`);
    await cp(path, join(folder, place), { recursive: true, dereference: true, preserveTimestamps: true });
  }
  for (const name of empty) await mkdir(join(folder, name), { recursive: true });
  const htaccess = join(folder, '.htaccess');
  if (!existsSync(htaccess)) await writeFile(htaccess, HTACCESS);
}

export async function countFiles(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory() && entry.name !== '.htaccess').length;
}

/** What modules read as their own paths: those that they have below `project`, in the folder of the assets. */
export interface AssetPaths {
  pathOf(path: string): OwnPath | undefined;
  /** Statements that `source` needs before it, in one line. They take the folder for the current one. */
  declarations(source: string): string;
  /** Where modules of `source` believe to be: a path like "src/../data" needs a folder "src". */
  folders(source: string): string[];
}

export function assetPaths(project: string): AssetPaths {
  const modules = new Map<string, string>();
  const usedIn = (source: string) => [...modules].filter(([name]) => source.includes(name)).sort();
  return {
    pathOf(path) {
      const below = placeOf(path, project);
      if (below === undefined) return undefined;
      // The same for the same source, wherever it lies.
      const name = `__runWithCgiModule${createHash('sha256').update(below).digest('hex').slice(0, 12)}`;
      modules.set(name, below);
      return { filename: `${name}.filename`, dirname: `${name}.dirname`, url: `${name}.url` };
    },
    declarations(source) {
      const declared = usedIn(source).map(
        ([name, path]) => `,${name}=__runWithCgiModule(${JSON.stringify(path)},${JSON.stringify(dirname(path))})`,
      );
      return DECLARATIONS.replace(';', () => `${declared.join('')};`);
    },
    folders: (source) => [...new Set(usedIn(source).map(([, path]) => dirname(path)))],
  };
}

/** A missing folder is said in one line; where there is one, the current folder is what it is when the application is started in its project. */
const DECLARATIONS = `const __runWithCgiFolder=__filename+"${ASSETS}/",__runWithCgiModule=(path,folder)=>({filename:__runWithCgiFolder+path,dirname:require("path").join(__runWithCgiFolder,folder),get url(){return require("url").pathToFileURL(this.filename).href}});\
try{process.chdir(__runWithCgiFolder)}catch{\
console.error("run-with-cgi: there is no folder "+__runWithCgiFolder+"; copy it along with the script [assets-missing]");\
process.exit(1)}`;
