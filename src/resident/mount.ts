// Where the application begins in the URL's path. A web server that only forwards does not know it.

import { removeDotSegments, stripPathPrefix } from '../environ/path.ts';
import type { Variables } from '../environ/variables.ts';

/**
 * Splits the path of `variables` behind `scriptName`, when it begins so. Where the server gives neither
 * SCRIPT_NAME nor PATH_INFO, as nginx's scgi_params, the path is DOCUMENT_URI.
 */
export function mount(variables: Variables, scriptName: string | undefined): void {
  const { SCRIPT_NAME, PATH_INFO, DOCUMENT_URI } = variables;
  if (SCRIPT_NAME === undefined && PATH_INFO === undefined && DOCUMENT_URI !== undefined) variables.PATH_INFO = DOCUMENT_URI;
  if (scriptName === undefined) return;
  const pathInfo = stripPathPrefix(removeDotSegments((SCRIPT_NAME ?? '') + (variables.PATH_INFO ?? '')), scriptName);
  if (pathInfo === undefined) return;
  variables.SCRIPT_NAME = scriptName;
  variables.PATH_INFO = pathInfo;
}
