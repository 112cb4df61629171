// What a command says when it cannot do what it was asked for.

/** Codes of what can be wrong with a command line or with the module that it names. */
export type UserErrorCode =
  | 'address-in-use'
  | 'address-not-allowed'
  | 'application-missing'
  | 'application-not-exported'
  | 'assets-wrong'
  | 'body-not-readable'
  | 'build-failed'
  | 'build-fails'
  | 'command-unknown'
  | 'esbuild-missing'
  | 'header-malformed'
  | 'module-broken'
  | 'module-not-found'
  | 'option-wrong'
  | 'output-wrong'
  | 'path-wrong'
  | 'program-not-executable'
  | 'runtime-missing'
  | 'scripts-missing'
  | 'typescript-unsupported';

/** The user can mend it; a stack would not help. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: UserErrorCode;

  constructor(code: UserErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Returns the one of `words` that `word` is most likely a misspelling of. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const [best] = words
    .map((candidate) => ({ candidate, steps: distance(word, candidate) }))
    .filter(({ candidate, steps }) => steps <= Math.max(1, candidate.length / 3))
    .sort((one, other) => one.steps - other.steps);
  return best?.candidate;
}

/** How many characters have to be added, taken away or changed (Levenshtein). */
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
