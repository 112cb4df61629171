// The known name that a misspelled one was probably meant to be: messages ask "did you mean …?".

/** Returns the one of `names` that is closest to `typed`; undefined when none is within a third of its length. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, changes: distance(typed, name) }))
    .filter(({ name, changes }) => changes <= Math.max(1, name.length / 3))
    .sort((one, other) => one.changes - other.changes);
  return best?.name;
}

/** Returns how many characters have to be added, removed or changed to make `to` of `from` (Levenshtein distance). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [at, character] of [...from].entries()) {
    const next = [at + 1];
    for (const [column, other] of [...to].entries()) {
      const [above = 0, before = 0, diagonal = 0] = [row[column + 1], next[column], row[column]];
      next.push(Math.min(above + 1, before + 1, diagonal + (character === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
