import assert from "node:assert/strict";
import { bzImagePayload, compressionOf } from "../../scripts/vm/bzimage.ts";

const XZ = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

/** A bzImage of two real-mode sectors, whose payload starts 16 bytes after them. */
function makeImage(payload: readonly number[], version = 0x20f): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(512 * 2 + 16 + payload.length + 100);
  const view = new DataView(image.buffer);
  image[0x1f1] = 1;
  image.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint16(0x206, version, true);
  view.setUint32(0x248, 16, true);
  view.setUint32(0x24c, payload.length, true);
  image.set(payload, 512 * 2 + 16);
  return image;
}

Deno.test("bzImagePayload() finds the payload and drops the size that the build appends", () => {
  const payload = bzImagePayload(makeImage([...XZ, 1, 2, 3, 9, 9, 9, 9]));
  assert.deepEqual(payload, new Uint8Array([...XZ, 1, 2, 3]));
});

Deno.test("bzImagePayload() leaves gzip's own size in place", () => {
  const gzip = [0x1f, 0x8b, 8, 0, 9, 9, 9, 9];
  assert.deepEqual(bzImagePayload(makeImage(gzip)), new Uint8Array(gzip));
});

Deno.test("bzImagePayload() knows what is no bzImage, or one too old to say where it is", () => {
  assert.equal(bzImagePayload(new Uint8Array(10)), undefined);
  assert.equal(bzImagePayload(new Uint8Array(2000)), undefined);
  assert.equal(bzImagePayload(makeImage(XZ, 0x207)), undefined);
});

Deno.test("compressionOf() tells formats by their first bytes", () => {
  assert.equal(compressionOf(new Uint8Array(XZ)), "xz");
  assert.equal(compressionOf(new Uint8Array([0x1f, 0x8b, 8])), "gzip");
  assert.equal(compressionOf(new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0])), "zstd");
  assert.equal(compressionOf(new TextEncoder().encode("\x7fELF")), "other");
});
