/**
 * Makes tests/golden/netlink/malformed.json: answers that a kernel really gave, each with one thing wrong. What
 * is wrong is told in its name; every one of them must be refused.
 */

import type { FixtureFile } from "./datagrams.ts";

export interface Malformed {
  readonly name: string;
  /** What the datagram would be if nothing were wrong with it. */
  readonly of: "service" | "server";
  readonly datagram: string;
}

const FOLDER = new URL("../../tests/golden/netlink/", import.meta.url);
const HEADER = 20;
const NEW_SERVICE = 1;
const NEW_DEST = 5;

/** One attribute inside the nest of a message: where it begins, and its length with its header. */
interface Place {
  readonly at: number;
  readonly length: number;
}

class Draft {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice();
    this.view = new DataView(this.bytes.buffer);
  }

  /** The attribute of that type inside the nest. */
  find(type: number): Place {
    const end = HEADER + this.view.getUint16(HEADER, true);
    for (let at = HEADER + 4; at < end;) {
      const length = this.view.getUint16(at, true);
      if ((this.view.getUint16(at + 2, true) & 0x3fff) === type) return { at, length };
      at += (length + 3) & ~3;
    }
    throw new Error(`no attribute ${type}`);
  }
}

type Change = (draft: Draft) => void;

const setLength = (type: number, change: (length: number) => number): Change => (draft) => {
  const { at, length } = draft.find(type);
  draft.view.setUint16(at, change(length), true);
};
const setType = (type: number, to: number): Change => (draft) =>
  draft.view.setUint16(draft.find(type).at + 2, to, true);
const setU16 = (type: number, value: number): Change => (draft) =>
  draft.view.setUint16(draft.find(type).at + 4, value, true);
const setU32 = (type: number, value: number): Change => (draft) =>
  draft.view.setUint32(draft.find(type).at + 4, value, true);

/** What goes wrong around any answer. */
const AROUND: Readonly<Record<string, Change>> = {
  "message length 0": ({ view }) => view.setUint32(0, 0, true),
  "message length below its header": ({ view }) => view.setUint32(0, 15, true),
  "message length beyond the datagram": ({ view, bytes }) =>
    view.setUint32(0, bytes.length + 4, true),
  "message length of 4 GiB": ({ view }) => view.setUint32(0, 0xffffffff, true),
  "message ends inside the generic header": ({ view }) => view.setUint32(0, 18, true),
  "message ends behind the generic header": ({ view }) => view.setUint32(0, 20, true),
  "message ends inside the nest's header": ({ view }) => view.setUint32(0, 22, true),
  "nest of length 0": ({ view }) => view.setUint16(HEADER, 0, true),
  "nest shorter than its own header": ({ view }) => view.setUint16(HEADER, 3, true),
  "nest that holds nothing": ({ view }) => view.setUint16(HEADER, 4, true),
  "nest beyond the message": ({ view }) => view.setUint16(HEADER, 0xffff, true),
  "nest of another type": ({ view }) => view.setUint16(HEADER + 2, 0x8009, true),
};

/** What goes wrong with one attribute. */
function around(type: number, name: string): Record<string, Change> {
  return {
    [`${name} of length 0`]: setLength(type, () => 0),
    [`${name} shorter than its header`]: setLength(type, () => 3),
    [`${name} without content`]: setLength(type, () => 4),
    [`${name} beyond its nest`]: setLength(type, () => 0xfff0),
    [`${name} missing`]: setType(type, 0x3ff),
  };
}

/** Attributes of fixed width, which a byte less makes wrong. */
const narrow = (type: number, name: string): Record<string, Change> => ({
  [`${name} a byte too narrow`]: setLength(type, (length) => length - 1),
});

const SERVICE: Readonly<Record<string, Change>> = {
  ...AROUND,
  ...around(1, "IPVS_SVC_ATTR_AF"),
  ...narrow(1, "IPVS_SVC_ATTR_AF"),
  ...around(6, "IPVS_SVC_ATTR_SCHED_NAME"),
  ...around(7, "IPVS_SVC_ATTR_FLAGS"),
  ...narrow(7, "IPVS_SVC_ATTR_FLAGS"),
  ...narrow(3, "IPVS_SVC_ATTR_ADDR"),
  ...narrow(4, "IPVS_SVC_ATTR_PORT"),
  ...narrow(8, "IPVS_SVC_ATTR_TIMEOUT"),
  ...narrow(9, "IPVS_SVC_ATTR_NETMASK"),
  "IPVS_SVC_ATTR_AF given twice": setType(2, 1),
  "IPVS_SVC_ATTR_AF of no family": setU16(1, 0),
  "IPVS_SVC_ATTR_AF of another family": setU16(1, 17),
  "IPVS_SVC_ATTR_PROTOCOL of another protocol": setU16(2, 47),
  "IPVS_SVC_ATTR_ADDR missing": setType(3, 0x3ff),
  "IPVS_SVC_ATTR_PORT missing": setType(4, 0x3ff),
  "IPVS_SVC_ATTR_SCHED_NAME without its end": (draft) => {
    const { at, length } = draft.find(6);
    draft.bytes.fill(0x61, at + 4, at + length);
  },
};

const SERVER: Readonly<Record<string, Change>> = {
  ...AROUND,
  ...around(1, "IPVS_DEST_ATTR_ADDR"),
  ...narrow(1, "IPVS_DEST_ATTR_ADDR"),
  ...around(2, "IPVS_DEST_ATTR_PORT"),
  ...narrow(2, "IPVS_DEST_ATTR_PORT"),
  ...around(4, "IPVS_DEST_ATTR_WEIGHT"),
  ...narrow(3, "IPVS_DEST_ATTR_FWD_METHOD"),
  "IPVS_DEST_ATTR_FWD_METHOD of no method": setU32(3, 7),
  "IPVS_DEST_ATTR_ADDR given twice": setType(2, 1),
  "IPVS_DEST_ATTR_ADDR_FAMILY of another family": setU16(11, 17),
  "IPVS_DEST_ATTR_ACTIVE_CONNS missing": setType(7, 0x3ff),
};

export function makeMalformed(file: FixtureFile): Malformed[] {
  const bytesOf = (command: number) => {
    for (const digits of file.fixtures.flatMap(({ received }) => received)) {
      const bytes = Uint8Array.fromHex(digits);
      const view = new DataView(bytes.buffer);
      const isFamily = bytes.length > HEADER && view.getUint16(4, true) > 16;
      // The first message alone: a datagram of a listing holds several.
      if (isFamily && bytes[16] === command) return bytes.slice(0, view.getUint32(0, true));
    }
    throw new Error(`no answer with command ${command}`);
  };
  const make = (of: Malformed["of"], base: Uint8Array, changes: Readonly<Record<string, Change>>) =>
    Object.entries(changes).map(([name, change]) => {
      const draft = new Draft(base);
      change(draft);
      return { name: `${of}: ${name}`, of, datagram: draft.bytes.toHex() };
    });
  return [
    ...make("service", bytesOf(NEW_SERVICE), SERVICE),
    ...make("server", bytesOf(NEW_DEST), SERVER),
  ];
}

if (import.meta.main) {
  const file: FixtureFile = JSON.parse(await Deno.readTextFile(new URL("ipvsadm.json", FOLDER)));
  const text = JSON.stringify(makeMalformed(file), null, 2);
  await Deno.writeTextFile(new URL("malformed.json", FOLDER), `${text}\n`);
}
