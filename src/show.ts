// Values in error messages. A client may have chosen them, and the messages go to logs.

/** Returns `value` for an error message: on one line, and shortened if it is long. Text comes in quotes, objects by their class. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`;
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? `an array of ${value.length}` : `an object of ${value.constructor?.name ?? 'no class'}`;
  }
  return String(value);
}
