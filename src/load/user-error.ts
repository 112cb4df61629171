// The error for mistakes that the user can mend. The command prints its message and its code, without a stack.

/** A code for each mistake in a command line or in the module that it names; docs/errors.md explains them. */
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

/** Its `message` is one line for the user. Its `cause` is printed below that line: text as it is, an error with its stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: UserErrorCode;

  constructor(code: UserErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
