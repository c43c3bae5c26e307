/** Bytes as tests write them: hex digits, laid out freely with spaces, newlines and `# notes`. */

export function hex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/#[^\n]*/g, "").replace(/\s+/g, "");
  if (!/^(?:[0-9a-f]{2})*$/.test(digits)) throw new TypeError(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The same digits back, four bytes a word, for messages of failed assertions. */
export function toHex(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return (digits.match(/.{1,8}/g) ?? []).join(" ");
}
