// What the validator says, and to whom it says it.

/** Whose duty the broken rule is. */
export type Side = 'application' | 'server';

/** A rule of SPEC.md was broken. Middleware is a server to what it wraps, and an application to what calls it. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
  /** The rule's name in SPEC.md. */
  readonly code: string;
  readonly side: Side;

  constructor(code: string, side: Side, message: string) {
    super(`${message} (${side}'s duty, SPEC.md ${code})`);
    this.code = code;
    this.side = side;
  }
}

/** Takes note unless `holds`. */
type Check = (code: string, holds: boolean, message: () => string) => void;

/** One check for each side. */
export interface Judge {
  application: Check;
  server: Check;
}

/** Returns a judge that hands every violation to `report`. */
export function judge(report: (violation: ContractError) => void): Judge {
  const check =
    (side: Side): Check =>
    (code, holds, message) => {
      if (!holds) report(new ContractError(code, side, message()));
    };
  return { application: check('application'), server: check('server') };
}
