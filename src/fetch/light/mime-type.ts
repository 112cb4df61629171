// The MIME type in a Content-Type header. https://fetch.spec.whatwg.org/#concept-header-extract-mime-type

/** The longest header that is parsed: Node's parser takes time by the square of the spaces. Names have at most 127 characters. RFC 6838 §4.2 */
const MAX_LENGTH = 4096;

/** Returns the last MIME type in `contentType`, which may be a list; "" if there is none. */
export function mimeTypeOf(contentType: string | null): string {
  if (contentType === null || contentType.length > MAX_LENGTH) return '';
  const { MIMEType } = process.getBuiltinModule('node:util');
  let type: InstanceType<typeof MIMEType> | undefined;
  for (const value of splitList(contentType)) {
    const next = parse(value);
    if (next === undefined || next.essence === '*/*') continue;
    const charset = type?.essence === next.essence ? type.params.get('charset') : null;
    if (charset && !next.params.has('charset')) next.params.set('charset', charset);
    type = next;
  }
  return type === undefined ? '' : String(type);

  function parse(value: string) {
    try {
      return new MIMEType(value);
    } catch {
      return undefined;
    }
  }
}

/** Splits a list at the commas that are not in quotes. */
function splitList(values: string): string[] {
  return values.match(/(?:"(?:[^"\\]|\\.)*"?|[^",])+/g) ?? [];
}
