// The error for a broken rule of the contract, and the functions that raise it.

/** Which side must keep a rule. */
export type Side = 'application' | 'server';

/** A rule of SPEC.md was broken. Middleware is a server to the application inside it, and an application to its caller. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
  /** The name of the rule in SPEC.md. */
  readonly code: string;
  /** The side that has broken the rule. */
  readonly side: Side;

  constructor(code: string, side: Side, message: string) {
    super(`${message} (${side}'s duty, SPEC.md ${code})`);
    this.code = code;
    this.side = side;
  }
}

/** Reports that the rule `code` is broken, unless `holds`. */
type Check = (code: string, holds: boolean, message: () => string) => void;

/** A check for the rules of each side. */
export interface Enforcer {
  application: Check;
  server: Check;
}

/** Returns checks that give every broken rule to `report`. */
export function enforcer(report: (violation: ContractError) => void): Enforcer {
  const check =
    (side: Side): Check =>
    (code, holds, message) => {
      if (!holds) report(new ContractError(code, side, message()));
    };
  return { application: check('application'), server: check('server') };
}
