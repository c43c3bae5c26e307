export type Compression = "gzip" | "xz" | "zstd" | "other";

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

/** How these bytes of a kernel or a module are packed, of the ways that can be unpacked here. */
export function compressionOf(data: Uint8Array): Compression {
  const found = MAGIC.find(([, magic]) => magic.every((byte, index) => data[index] === byte));
  return found?.[0] ?? "other";
}

/**
 * Finds the packed vmlinux in a bzImage by its setup header (Documentation/arch/x86/boot.rst):
 * payload_offset counts from the end of the real-mode sectors. Undefined for anything else.
 */
export function bzImagePayload(
  image: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | undefined {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (image.length < 0x250 || view.getUint32(0x202, true) !== 0x53726448) return undefined; // "HdrS"
  if (view.getUint16(0x206, true) < 0x208) return undefined; // no payload fields before 2.08
  const realModeSectors = (image[0x1f1] || 4) + 1;
  const start = realModeSectors * 512 + view.getUint32(0x248, true);
  const payload = image.subarray(start, start + view.getUint32(0x24c, true));
  // The kernel's build appends the unpacked size in four bytes, which unpackers take for garbage;
  // gzip's own last field is that size already.
  return compressionOf(payload) === "gzip" ? payload : payload.subarray(0, -4);
}
