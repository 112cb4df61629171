// The request body that curl's options ask for: -d, -F, -T and others.

import { randomUUID } from 'node:crypto';
import { fstatSync, openSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { readDescriptor } from '../cgi/descriptor.ts';
import { percentEncode } from '../environ/path.ts';
import { fs } from '../fs.ts';
import { UserError } from '../load/user-error.ts';
import type { SizedSource } from '../testing/request.ts';
import type { OptionValue } from './arguments.ts';

/** Bytes, or an open file, which is read anew for each request. */
type Piece = Buffer | { descriptor: number; length: number };

export interface RequestBody {
  pieces: Piece[];
  /** Its Content-Type; undefined for none. */
  type: string | undefined;
}

const DATA_OPTIONS = ['data', 'data-ascii', 'data-binary', 'data-raw', 'data-urlencode', 'json'];
/** The Content-Type, and the Accept, of --json. */
export const JSON_TYPE = 'application/json';
const FORM_OPTIONS = ['form', 'form-string'];

/** Returns the body that `options` ask for; undefined for none. Throws a `UserError`. */
export function parseBody(options: readonly OptionValue[]): RequestBody | undefined {
  const kinds = [DATA_OPTIONS, FORM_OPTIONS, ['upload-file']].map((names) => options.filter(([option]) => names.includes(option)));
  const [data = [], form = [], [upload] = []] = kinds;
  const used = kinds.flatMap(([first]) => (first ? [`--${first[0]}`] : []));
  if (used.length > 1) throw new UserError('option-wrong', `Give only one of ${used.join(', ')}: each makes a whole body`);
  if (data.length > 0) return dataBody(data);
  if (form.length > 0) return formBody(form);
  return upload && { pieces: readFile(upload[1]), type: undefined };
}

export function lengthOf({ pieces }: RequestBody): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Returns `body` for one request. Each call starts at its first byte. */
export function sourceOf(body: RequestBody): SizedSource {
  const unread = [...body.pieces];
  let position = 0;
  const read = (buffer: Uint8Array): number => {
    for (;;) {
      const [piece] = unread;
      if (piece === undefined) return 0;
      const count = readPiece(piece, buffer, position);
      position += count;
      if (count > 0) return count;
      unread.shift();
      position = 0;
    }
  };
  return { source: { read }, length: lengthOf(body) };
}

function readPiece(piece: Piece, buffer: Uint8Array, position: number): number {
  if (!Buffer.isBuffer(piece)) return fs.readSync(piece.descriptor, buffer, 0, buffer.length, position);
  return piece.copy(buffer, 0, position);
}

/** Returns the whole body as a byte string. */
export function readBody({ pieces }: RequestBody): string {
  return pieces.map((piece) => bytesOf(piece).toString('latin1')).join('');
}

function bytesOf(piece: Piece): Buffer {
  if (Buffer.isBuffer(piece)) return piece;
  const bytes = Buffer.alloc(piece.length);
  for (let at = 0; at < bytes.length; ) {
    const count = fs.readSync(piece.descriptor, bytes, at, bytes.length - at, at);
    if (count === 0) break;
    at += count;
  }
  return bytes;
}

function dataBody(options: readonly OptionValue[]): RequestBody {
  const pieces: Piece[] = [];
  for (const [option, value] of options) {
    if (pieces.length > 0 && option !== 'json') pieces.push(Buffer.from('&'));
    if (option === 'data-raw') pieces.push(Buffer.from(value));
    else if (option === 'data-urlencode') pieces.push(Buffer.from(urlEncoded(value)));
    else pieces.push(...(value.startsWith('@') ? readFile(value.slice(1)) : [Buffer.from(value)]));
  }
  const isJson = options.some(([option]) => option === 'json');
  return { pieces, type: isJson ? JSON_TYPE : 'application/x-www-form-urlencoded' };
}

/** Encodes a value of --data-urlencode: "text", "=text", "name=text", "@file" or "name@file". */
function urlEncoded(value: string): string {
  const [, name = '', mark, text = ''] = /^([^=@]*)([=@])(.*)$/s.exec(value) ?? [];
  const plain = mark === undefined ? Buffer.from(value) : mark === '=' ? Buffer.from(text) : Buffer.concat(readFile(text).map(bytesOf));
  const encoded = percentEncode(plain.toString('latin1'), /[^A-Za-z0-9._~ -]/g).replaceAll(' ', '+');
  return name === '' ? encoded : `${name}=${encoded}`;
}

/** Makes a multipart/form-data body. RFC 7578 */
function formBody(options: readonly OptionValue[]): RequestBody {
  const boundary = `------------------------${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const pieces = options.flatMap(([option, value]) => {
    const { name, filename, type, content } = option === 'form' ? parseField(value) : parseTextField(value);
    const disposition = `form-data; name="${quoted(name)}"${filename === undefined ? '' : `; filename="${quoted(filename)}"`}`;
    const head = `--${boundary}\r\nContent-Disposition: ${disposition}\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`;
    return [Buffer.from(head), ...content, Buffer.from('\r\n')];
  });
  return { pieces: [...pieces, Buffer.from(`--${boundary}--\r\n`)], type: `multipart/form-data; boundary=${boundary}` };
}

interface Field {
  name: string;
  filename?: string | undefined;
  type?: string | undefined;
  content: Piece[];
}

function parseTextField(text: string): Field {
  const [name, value] = splitName(text);
  return { name, content: [Buffer.from(value)] };
}

function splitName(text: string): [name: string, value: string] {
  const [, name, value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UserError('option-wrong', `A form field must be name=value, got ${text}`);
}

/** Parses a value of --form: "name=value;type=…", "name=@file;type=…;filename=…" or "name=<file". Double quotes enclose a value with ";" in it. */
function parseField(text: string): Field {
  const [name, value] = splitName(text);
  const mark = /^[@<]/.exec(value)?.[0] ?? '';
  // Splits at each ";" outside of quotes: an even number of quotes follows it.
  const [quotedContent = '', ...attributes] = value.slice(mark.length).split(/;(?=(?:[^"]*"[^"]*")*[^"]*$)/);
  const settings: Record<string, string> = {};
  for (const attribute of attributes) {
    const [, key = '', setting] = /^\s*(type|filename)=(.*)$/s.exec(attribute) ?? [];
    if (setting === undefined) {
      const mend = `write a value with ";" in it as -F '${name}="..."'`;
      throw new UserError('option-wrong', `";${attribute}" is neither ;type= nor ;filename=; ${mend}`);
    }
    settings[key] = unquoted(setting);
  }
  const content = unquoted(quotedContent);
  if (mark === '') return { name, ...settings, content: [Buffer.from(content)] };
  if (mark === '<') return { name, ...settings, content: readFile(content) };
  const type = content === '-' ? undefined : (TYPES[extname(content).toLowerCase()] ?? 'application/octet-stream');
  return { name, filename: basename(content), type, ...settings, content: readFile(content) };
}

function unquoted(text: string): string {
  return /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text;
}

/** Escapes a name as browsers do: https://html.spec.whatwg.org/#multipart-form-data */
function quoted(name: string): string {
  return percentEncode(name, /[\r\n"]/g);
}

/** The types that curl knows, by the endings of file names. */
const TYPES: Readonly<Record<string, string>> = {
  '.gif': 'image/gif',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.pdf': 'application/pdf',
  '.xml': 'application/xml',
};

/** Reads the file `name` as a byte string; "-" is standard input. Throws a `UserError` that calls its contents `what`. */
export function readText(name: string, what: string): string {
  return readBody({ pieces: readFile(name, what), type: undefined });
}

/** Opens the file `name`; "-" is standard input. A pipe or a device is read at once and kept, since it can be read only once. */
function readFile(name: string, what = 'request body'): Piece[] {
  try {
    const descriptor = name === '-' ? 0 : openSync(name, 'r');
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Error('it is a folder');
    if (stat.isFile()) return [{ descriptor, length: stat.size }];
    const pieces: Buffer[] = [];
    for (;;) {
      const buffer = Buffer.allocUnsafe(65_536);
      const count = readDescriptor(descriptor, buffer);
      if (count === 0) return pieces;
      pieces.push(buffer.subarray(0, count));
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new UserError('body-not-readable', `The ${what} could not be read from ${name}: ${reason}`);
  }
}
