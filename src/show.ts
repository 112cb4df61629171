// Values in error messages, which are read in logs that strangers can write to.

/** A value as an error message shows it: quoted, on one line, of bounded length. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`;
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? `an array of ${value.length}` : `an object of ${value.constructor?.name ?? 'no class'}`;
  }
  return String(value);
}
