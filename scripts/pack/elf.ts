/**
 * Packs the Deno runtime and a program for it into one ELF file, by adding a segment to the runtime: the
 * entry code of entry_*.s and the words that it puts on the argument vector, the last of which is the whole
 * program. The kernel maps the segment with the rest, so the file is run as it lies there:
 * nothing is unpacked at start, no cache can be tampered with, and its pages are shared and reclaimable.
 */

import { ENTRY_CODE } from "./entry_code.ts";

export interface Program {
  /** What stands before the user's arguments; the first word takes the place of argv[0]. */
  readonly args: readonly string[];
  /** Environment strings, "NAME=value". */
  readonly env: readonly string[];
}

const EM_X86_64 = 62;
const EM_AARCH64 = 183;
interface Machine {
  readonly code: string;
  readonly pageSize: number;
  /** The relocation that puts a symbol's address into the global offset table. */
  readonly globDat: number;
}

const MACHINES: Readonly<Record<number, Machine>> = {
  [EM_X86_64]: { code: ENTRY_CODE.x86_64, pageSize: 0x1000, globDat: 6 },
  // Kernels for aarch64 have pages of up to 64 KiB.
  [EM_AARCH64]: { code: ENTRY_CODE.aarch64, pageSize: 0x10000, globDat: 1025 },
};

const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_X = 1;
const PF_R = 4;
const PHDR_SIZE = 56;
const SHT_RELA = 4;
const SHDR_SIZE = 64;
const RELA_SIZE = 24;
const SYMBOL_SIZE = 24;

/** The runtime with the program inside. Throws where the runtime is no ELF file that this knows. */
export function packElf(runtime: Uint8Array, program: Program): Uint8Array<ArrayBuffer> {
  const view = new DataView(runtime.buffer, runtime.byteOffset, runtime.byteLength);
  if (runtime.length < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) {
    throw new Error("the runtime is not a 64-bit little-endian ELF file");
  }
  const machine = MACHINES[view.getUint16(18, true)];
  if (!machine) throw new Error(`no entry code for ELF machine ${view.getUint16(18, true)}`);
  const { free, end } = inspectSegments(view);
  const environ = findEnviron(view, machine.globDat);

  const code = Uint8Array.fromBase64(machine.code);
  const fileOffset = align(runtime.length, machine.pageSize);
  const address = align(end, machine.pageSize);
  const entry = Number(view.getBigUint64(24, true));
  const base = address + code.length;
  const table = encodeTable({ entry: entry - base, environ: environ - base }, program);
  const size = code.length + table.length;

  const packed = new Uint8Array(fileOffset + size);
  packed.set(runtime);
  packed.set(code, fileOffset);
  packed.set(table, fileOffset + code.length);

  const header = new DataView(packed.buffer);
  header.setBigUint64(24, BigInt(address), true);
  header.setUint32(free, PT_LOAD, true);
  header.setUint32(free + 4, PF_R | PF_X, true);
  const fields = [fileOffset, address, address, size, size, machine.pageSize];
  fields.forEach((value, i) => header.setBigUint64(free + 8 + 8 * i, BigInt(value), true));
  return packed;
}

/**
 * Where a program header can be used for our segment, and where the last segment ends in memory. The header
 * is that of the notes, which nothing reads at run time; a new one would have no room.
 */
function inspectSegments(view: DataView): { free: number; end: number } {
  const offset = Number(view.getBigUint64(32, true));
  const count = view.getUint16(56, true);
  let free: number | undefined;
  let end = 0;
  for (let at = offset; at < offset + count * PHDR_SIZE; at += PHDR_SIZE) {
    const type = view.getUint32(at, true);
    if (type === PT_NOTE) free = at;
    if (type !== PT_LOAD) continue;
    // The kernel wants loadable segments in ascending order of address, and ours is the highest.
    if (free !== undefined) throw new Error("the runtime has a note in front of a segment");
    end = Math.max(
      end,
      Number(view.getBigUint64(at + 16, true) + view.getBigUint64(at + 40, true)),
    );
  }
  if (free === undefined) throw new Error("the runtime has no note segment to take the place of");
  return { free, end };
}

/** Where in memory the dynamic loader puts the address of libc's `environ` for the runtime. */
function findEnviron(view: DataView, globDat: number): number {
  const sections = sectionsOf(view);
  for (const { type, offset, size, link } of sections) {
    const symbols = sections[link];
    const names = symbols && sections[symbols.link];
    if (type !== SHT_RELA || !symbols || !names) continue;
    for (let at = offset; at < offset + size; at += RELA_SIZE) {
      if (view.getUint32(at + 8, true) !== globDat) continue;
      const symbol = symbols.offset + view.getUint32(at + 12, true) * SYMBOL_SIZE;
      if (textAt(view, names.offset + view.getUint32(symbol, true)) !== "environ") continue;
      return Number(view.getBigUint64(at, true));
    }
  }
  throw new Error("the runtime does not import environ from libc");
}

function sectionsOf(
  view: DataView,
): { type: number; offset: number; size: number; link: number }[] {
  const start = Number(view.getBigUint64(40, true));
  return Array.from({ length: view.getUint16(60, true) }, (_, i) => {
    const at = start + i * SHDR_SIZE;
    return {
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
      link: view.getUint32(at + 40, true),
    };
  });
}

function textAt(view: DataView, start: number): string {
  let end = start;
  while (view.getUint8(end) !== 0) end++;
  return new TextDecoder().decode(
    new Uint8Array(view.buffer, view.byteOffset + start, end - start),
  );
}

/** The table behind the entry code, as entry_x86_64.s describes it. */
function encodeTable(
  { entry, environ }: { entry: number; environ: number },
  { args, env }: Program,
): Uint8Array {
  const encoder = new TextEncoder();
  const strings = [...args, ...env].map((text) => encoder.encode(`${text}\0`));
  const headLength = 24 + 4 * strings.length;
  const table = new Uint8Array(strings.reduce((sum, bytes) => sum + bytes.length, headLength));
  const view = new DataView(table.buffer);
  view.setBigInt64(0, BigInt(entry), true);
  view.setUint32(8, args.length, true);
  view.setUint32(12, env.length, true);
  view.setBigInt64(16, BigInt(environ), true);
  let at = headLength;
  for (const [i, bytes] of strings.entries()) {
    view.setUint32(24 + 4 * i, at, true);
    table.set(bytes, at);
    at += bytes.length;
  }
  return table;
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
