// Assets: files that an application reads when it runs. build copies them into a folder beside the script, in the layout of the
// project. For the application that folder takes the place of the project.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../load/user-error.ts';
import type { OwnPath } from './own-paths.ts';

/** The ending that makes the name of the folder out of the name of the script. */
export const ASSETS = '.assets';

/** Keeps clients from templates and secrets under Apache, where the script lies among the pages of a site. */
const HTACCESS = 'Require all denied\n';

/**
 * Returns the path of a file below the folder of the assets: the same as below `project`, or, for a package that is installed
 * above the project, the same as below node_modules. Undefined for any other file.
 */
function assetPathOf(path: string, project: string): string | undefined {
  const below = relative(project, path);
  if (!below.startsWith(`..${sep}`) && below !== '..') return below;
  const at = below.indexOf(`node_modules${sep}`);
  return at < 0 ? undefined : below.slice(at);
}

/**
 * Copies `assets`, files and folders below `project`, into `folder`, and makes the folders `emptyFolders` in it. Does nothing
 * without assets. Throws a `UserError` for a path that does not exist, or that is not below `project`.
 */
export async function copyAssets(
  assets: readonly string[],
  project: string,
  folder: string,
  emptyFolders: readonly string[],
): Promise<void> {
  if (assets.length === 0) return;
  for (const asset of assets) {
    const path = resolve(project, asset);
    const relativePath = assetPathOf(path, project);
    if (!relativePath) {
      throw new UserError(
        'assets-wrong',
        `Assets must be below the folder where build runs, got ${asset}; run build in the folder of the project`,
      );
    }
    if (!existsSync(path)) throw new UserError('assets-wrong', `There is no file or folder ${asset}`);
    await cp(path, join(folder, relativePath), { recursive: true, dereference: true, preserveTimestamps: true });
  }
  for (const name of emptyFolders) await mkdir(join(folder, name), { recursive: true });
  const htaccess = join(folder, '.htaccess');
  if (!existsSync(htaccess)) await writeFile(htaccess, HTACCESS);
}

/** Returns how many files are below `folder`, without our own .htaccess. */
export async function countFiles(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory() && entry.name !== '.htaccess').length;
}

/** The paths that modules read as their own (__dirname, import.meta) when the application has assets: paths in that folder. */
export interface AssetPaths {
  /** Returns what the module `path` of the project reads; undefined for a module that has no path there. */
  pathOf(path: string): OwnPath | undefined;
  /** Returns statements to run before `source`, in one line. They also make the folder of the assets the current one. */
  declarations(source: string): string;
  /** Returns the folders of the modules in `source`: a path like "src/../data" needs a folder "src". */
  folders(source: string): string[];
}

export function assetPaths(project: string): AssetPaths {
  const modules = new Map<string, string>();
  const usedIn = (source: string) => [...modules].filter(([name]) => source.includes(name)).sort();
  return {
    pathOf(path) {
      const below = assetPathOf(path, project);
      if (below === undefined) return undefined;
      // A hash of the relative path, so that the same source gives the same script wherever it lies.
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

/** Makes the folder of the assets the current one, or ends the process with one line where that folder is missing. */
const DECLARATIONS = `const __runWithCgiFolder=__filename+"${ASSETS}/",__runWithCgiModule=(path,folder)=>({filename:__runWithCgiFolder+path,dirname:require("path").join(__runWithCgiFolder,folder),get url(){return require("url").pathToFileURL(this.filename).href}});\
try{process.chdir(__runWithCgiFolder)}catch{\
console.error("run-with-cgi: there is no folder "+__runWithCgiFolder+"; copy it along with the script [assets-missing]");\
process.exit(1)}`;
