// The MIME type that a Content-Type tells. https://fetch.spec.whatwg.org/#concept-header-extract-mime-type

/** Node's parser takes time by the square of the spaces in what it is given. RFC 6838 §4.2 ends a name at 127 characters. */
const LONGEST = 4096;

/** Of a list, values of which need not be types, the last type counts. Returns "" where there is none. */
export function mimeTypeOf(contentType: string | null): string {
  if (contentType === null || contentType.length > LONGEST) return '';
  const { MIMEType } = process.getBuiltinModule('node:util');
  let type: InstanceType<typeof MIMEType> | undefined;
  for (const value of split(contentType)) {
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

/** At commas that are not quoted. */
function split(values: string): string[] {
  return values.match(/(?:"(?:[^"\\]|\\.)*"?|[^",])+/g) ?? [];
}
