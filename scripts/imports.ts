// The imports inside src/ go one way, and no files import each other in a circle. Fails otherwise, and says which files to mend.
// Types count, and so does import(): a reader follows them, too.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The parts of src/: a part imports only from parts in the lines above its own. docs/architecture.md states the same order. */
const ORDER = [
  ['node-internals', 'types.ts'],
  ['child-process.ts', 'error-code.ts', 'errors.ts', 'file-type.ts', 'fs.ts', 'show.ts', 'wait-until-idle.ts', 'withheld-ports.ts'],
  ['private-folder.ts', 'proc-net.ts', 'timer.ts'],
  ['environ'],
  ['gateway'],
  ['cgi', 'fetch', 'headers.ts', 'host', 'server', 'validator'],
  ['middleware', 'node', 'resident', 'testing'],
  ['fastcgi', 'scgi', 'util.ts', 'workers'],
  ['run.ts'],
  ['index.ts'],
  ['built-script', 'load'],
  ['doctor', 'warm'],
  ['build'],
  ['cli'],
];

const src = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** Returns the files that `file` imports; all are paths below src/. */
function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(src, file), 'utf8'));
  const own = importedFiles.filter(({ fileName }) => fileName.startsWith('.'));
  return own.map(({ fileName }) => relative(src, join(src, dirname(file), fileName)));
}

/** Returns what of `ORDER` a file belongs to: its folder, or the file itself where it lies in src/. */
function partOf(file: string): string {
  return file.split('/')[0] ?? file;
}

function lineOf(part: string): number {
  return ORDER.findIndex((parts) => parts.includes(part));
}

/** Returns a fault for each import against the order, and for each part without a place in it. */
function againstOrder(): string[] {
  const unknown = [...new Set(files.map(partOf))].filter((part) => lineOf(part) < 0);
  const faults = unknown.map((part) => `src/${part} has no place in the order.\n  Give it one, in ORDER of scripts/imports.ts.`);
  for (const [file, imported] of imports) {
    for (const other of imported) {
      const [from, to] = [partOf(file), partOf(other)];
      if (from === to || lineOf(from) > lineOf(to) || unknown.includes(from) || unknown.includes(to)) continue;
      const place = lineOf(from) === lineOf(to) ? 'beside' : 'below';
      faults.push(
        `src/${file} imports src/${other}, but ${from} stands ${place} ${to}.\n  Move what it needs into a part that stands below ${from}, or have a part above both hand it over.`,
      );
    }
  }
  return faults;
}

/** Returns a fault for each circle: files that reach each other by imports (Tarjan's strongly connected components). */
function circles(): string[] {
  const found: string[][] = [];
  const numbers = new Map<string, number>();
  const path: string[] = [];
  const visit = (file: string): number => {
    const number = numbers.size;
    numbers.set(file, number);
    const start = path.push(file) - 1;
    let lowest = number;
    for (const other of imports.get(file) ?? []) {
      if (!numbers.has(other)) lowest = Math.min(lowest, visit(other));
      else if (path.includes(other)) lowest = Math.min(lowest, numbers.get(other) ?? lowest);
    }
    if (lowest === number) found.push(path.splice(start));
    return lowest;
  };
  for (const file of files) if (!numbers.has(file)) visit(file);
  return found
    .filter((circle) => circle.length > 1)
    .map(
      (circle) =>
        `These files import each other in a circle: ${circle.map((file) => `src/${file}`).join(', ')}.\n  Move what they share into a file of its own.`,
    );
}

const faults = [...againstOrder(), ...circles()];
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
