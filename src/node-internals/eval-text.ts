// A statement for a built script: removes what shows a program that it runs as the text of Node's option "-e". Without the statement
// all works the same, but a program that lists the properties of `process` finds two kilobytes of text.
//
// Undocumented part of Node: `process._eval`, which holds the text. A Node without it has nothing to remove.

export const REMOVE_EVAL_TEXT = 'delete process._eval;';
