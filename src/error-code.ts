// The codes of errors that Node and the system give: "ENOENT", "ERR_MODULE_NOT_FOUND".

/** Returns the code of `error`; undefined if it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether `error` is that of a system call. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
