/** One file, folder or symbolic link of an initramfs. */
export interface CpioEntry {
  /** Its name without a leading slash; folders come before what is in them. */
  readonly name: string;
  /** The whole mode, with the bits that say what it is: 0o100755, 0o040755, 0o120777. */
  readonly mode: number;
  readonly data?: Uint8Array;
}

const HEADER_BYTES = 110;
const pad4 = (size: number) => (size + 3) & ~3;

/**
 * An archive in the "newc" format, the one that the kernel unpacks (its
 * Documentation/driver-api/early-userspace/buffer-format.rst): a header of hexadecimal numbers, the
 * name, the data, each padded to four bytes, and an entry named TRAILER!!! at the end.
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array<ArrayBuffer> {
  const trailer: CpioEntry = { name: "TRAILER!!!", mode: 0 };
  const all = [...entries, trailer].map(({ name, mode, data = new Uint8Array() }, index) => ({
    inode: index + 1,
    mode,
    name: new TextEncoder().encode(`${name}\0`),
    data,
  }));
  const size = all.reduce(
    (sum, { name, data }) => sum + pad4(HEADER_BYTES + name.length) + pad4(data.length),
    0,
  );
  const archive = new Uint8Array(size);
  let offset = 0;
  for (const { inode, mode, name, data } of all) {
    // inode, mode, uid, gid, links, mtime, size, device major, minor, rdev major, minor, name, check
    const numbers = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${numbers.map((n) => n.toString(16).padStart(8, "0")).join("")}`;
    archive.set(new TextEncoder().encode(header), offset);
    archive.set(name, offset + HEADER_BYTES);
    offset += pad4(HEADER_BYTES + name.length);
    archive.set(data, offset);
    offset += pad4(data.length);
  }
  return archive;
}
