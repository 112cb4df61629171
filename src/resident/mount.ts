// Splits the URL's path where the application begins, for a web server that forwards the whole path.

import { removeDotSegments, stripPathPrefix } from '../environ/path.ts';
import type { Variables } from '../environ/variables.ts';

/**
 * Sets SCRIPT_NAME to `scriptName` and PATH_INFO to the path behind it, if the path of `variables` begins with it. Where the
 * web server gives neither variable, as nginx's scgi_params, the path is DOCUMENT_URI.
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
