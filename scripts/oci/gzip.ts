import { constants, crc32, deflateRaw } from "node:zlib";
import { promisify } from "node:util";

const deflate = promisify(deflateRaw) as (
  data: Uint8Array,
  options: { level: number },
) => Promise<Uint8Array>;

/** RFC 1952: magic, deflate, no flags, no time, no hint of the level, and no system. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
const TRAILER_BYTES = 8;

/**
 * The same bytes for the same data and the same Deno. The header is written here, as a runtime's may say when
 * and where it was; everything is deflated in one call, so that no sizes of pieces show.
 */
export async function gzip(data: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const deflated = await deflate(data, { level: constants.Z_BEST_COMPRESSION });
  const zipped = new Uint8Array(HEADER.length + deflated.length + TRAILER_BYTES);
  zipped.set(HEADER);
  zipped.set(deflated, HEADER.length);
  const trailer = new DataView(zipped.buffer, HEADER.length + deflated.length);
  trailer.setUint32(0, crc32(data), true);
  trailer.setUint32(4, data.length % 2 ** 32, true);
  return zipped;
}
