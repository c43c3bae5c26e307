import { MTIME_SECONDS, type TreeEntry } from "./tree.ts";

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const FILE = "0";
const FOLDER = "5";
const EXTENDED = "x";

/**
 * An archive in POSIX's pax format (IEEE Std 1003.1-2017, pax, "ustar Interchange Format"): a header of
 * octal numbers, the data, each padded to 512 bytes, and two empty blocks at the end. Everything belongs to
 * user 0. A name that does not fit is written in front, in a header of its own.
 */
export function writeTar(entries: readonly TreeEntry[]): Uint8Array<ArrayBuffer> {
  const parts = entries.flatMap(encodeEntry);
  const archive = new Uint8Array(
    parts.reduce((sum, { length }) => sum + pad(length), 2 * BLOCK_BYTES),
  );
  let offset = 0;
  for (const part of parts) {
    archive.set(part, offset);
    offset += pad(part.length);
  }
  return archive;
}

function encodeEntry({ name, mode, data }: TreeEntry): Uint8Array[] {
  checkName(name);
  // A folder's name ends in a slash, by which older programs tell it.
  const bytes = new TextEncoder().encode(data ? name : `${name}/`);
  const content = data ?? new Uint8Array();
  const header = encodeHeader(data ? FILE : FOLDER, bytes, mode, content.length);
  const before = fits(bytes) ? [] : extend(bytes);
  return [...before, header, ...(content.length > 0 ? [content] : [])];
}

function checkName(name: string): void {
  const parts = name.split("/");
  if (name.includes("\0") || parts.some((part) => ["", ".", ".."].includes(part))) {
    throw new Error(`cannot archive "${name}": must be a path below the root, as usr/bin`);
  }
}

/** ASCII up to the field's length; POSIX leaves open what other bytes in the field mean. */
function fits(name: Uint8Array): boolean {
  return name.length <= NAME_BYTES && name.every((byte) => byte < 0x80);
}

/** An extended header with the whole name, and what comes with it. */
function extend(name: Uint8Array): Uint8Array[] {
  const record = encodeRecord("path", name);
  const header = encodeHeader(
    EXTENDED,
    new TextEncoder().encode("PaxHeaders/path"),
    0o644,
    record.length,
  );
  return [header, record];
}

/** A line of an extended header: its own length, which counts itself, a keyword and a value. */
function encodeRecord(keyword: string, value: Uint8Array): Uint8Array {
  const rest = ` ${keyword}=`.length + value.length + 1;
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  const record = new Uint8Array(length);
  const { written } = new TextEncoder().encodeInto(`${length} ${keyword}=`, record);
  record.set(value, written);
  record[length - 1] = 0x0a;
  return record;
}

function encodeHeader(
  type: string,
  name: Uint8Array,
  mode: number,
  size: number,
): Uint8Array {
  const header = new Uint8Array(BLOCK_BYTES);
  const put = (offset: number, text: string) =>
    new TextEncoder().encodeInto(text, header.subarray(offset));
  header.set(name.subarray(0, NAME_BYTES));
  put(100, octal(mode, 8));
  put(108, octal(0, 8)); // user
  put(116, octal(0, 8)); // group
  put(124, octal(size, 12));
  put(136, octal(MTIME_SECONDS, 12));
  put(148, " ".repeat(8)); // the checksum is made with spaces in its place
  put(156, type);
  put(257, "ustar\0" + "00");
  put(329, octal(0, 8)); // device
  put(337, octal(0, 8));
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

function octal(value: number, field: number): string {
  const digits = value.toString(8).padStart(field - 1, "0");
  if (digits.length >= field) throw new Error(`cannot archive ${value}: ${field - 1} octal digits`);
  return `${digits}\0`;
}

function pad(size: number): number {
  return Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
}
