/** How names of values become names of files, and back. */

/** What may stand in a file's name as it is. A colon may not: it ends a path in mounts and in PATH. */
const PLAIN = /^[A-Za-z0-9.-]$/;
const VALUE = ".json";
const LOCK = ".lock";
const SOCKET = ".sock";

/** The file that keeps the value. */
export function valueFile(name: string): string {
  return encodeName(name) + VALUE;
}

/** The file that is locked for the name. */
export function lockFile(name: string): string {
  return encodeName(name) + LOCK;
}

/** The socket on which the instance of that name answers. */
export function socketFile(name: string): string {
  return encodeName(name) + SOCKET;
}

/** Where a value that cannot be read is moved to: no value's file, so it is looked at by people only. */
export function discardedFile(name: string): string {
  return `${valueFile(name)}.corrupt`;
}

/** The name whose value the file keeps, or undefined for any other file. */
export function nameOfValueFile(file: string): string | undefined {
  if (!file.endsWith(VALUE)) return undefined;
  const name = decodeName(file.slice(0, -VALUE.length));
  // One name, one file: a second spelling ("a%2Eb") is not ours.
  return name !== undefined && name !== "" && valueFile(name) === file ? name : undefined;
}

/** Percent-encodes all but plain characters, and a dot that would hide the file. */
function encodeName(name: string): string {
  if (name === "" || !name.isWellFormed()) {
    throw new TypeError(`name of a value ${JSON.stringify(name)}: must be text that is not empty`);
  }
  const encoded = [...new TextEncoder().encode(name)].map(encodeByte).join("");
  return encoded.replace(/^\./, "%2E");
}

function encodeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  if (PLAIN.test(character)) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

function decodeName(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
