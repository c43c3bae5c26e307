/** What every Sets must do, as tests that are registered for one pair of them. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { KernelError } from "../../src/errors.ts";
import { type IpSet, printSetEntry, type SetEntry, type Sets } from "../../src/kernel/sets.ts";
import { addressFamily, type Family } from "../../src/model/address.ts";
import { parseEndpoint } from "../../src/model/endpoint.ts";
import type { Protocol } from "../../src/model/ipvs.ts";

/**
 * Two ways to one kernel's sets: they are changed by one and read by the other. At first there are only
 * "foreign-ip" of type hash:ip for IPv4, "foreign-ports" of type bitmap:port, and "foreign-net" of type
 * hash:net,port for IPv4; the last takes entries as ours are.
 */
export interface SetPair extends AsyncDisposable {
  readonly writer: Sets;
  readonly reader: Sets;
  /** Makes a rule that uses the set, or removes it. */
  use(name: string, used: boolean): Promise<void>;
}

export interface SetsOptions {
  /** How many random sets of entries are tried. */
  readonly randomSets: number;
  /** How many entries the long set has. */
  readonly longSet: number;
}

/** Registers the suite. `open` gives a fresh kernel each time. */
export function testSets(
  name: string,
  open: () => Promise<SetPair>,
  options: SetsOptions,
): void {
  const test = (sentence: string, body: (pair: SetPair) => Promise<void>) => {
    Deno.test(`${name}: ${sentence}`, async () => {
      await using pair = await open();
      await body(pair);
    });
  };

  test("find() of a set that is not there, or cannot be, is undefined", async ({ reader }) => {
    for (const none of ["nobody", "", "a".repeat(32), "foreign"]) {
      assert.equal(await reader.find(none), undefined, none);
    }
  });

  test("find() tells type and family of foreign sets, and no entries", async ({ reader }) => {
    const head = (name: string, type: string, family?: Family) => ({ name, type, family });
    for (
      const expected of [
        head("foreign-ip", "hash:ip", "ipv4"),
        head("foreign-ports", "bitmap:port"),
        head("foreign-net", "hash:net,port", "ipv4"),
      ]
    ) {
      assert.deepEqual(await reader.find(expected.name), { ...expected, entries: [] });
    }
  });

  for (const family of ["ipv4", "ipv6"] as const) {
    test(`ensureSet() and removeSet(): ${family}`, async ({ writer, reader }) => {
      assert.equal(await writer.ensureSet(NAME, family), true);
      assert.equal(await writer.ensureSet(NAME, family), false);
      assert.deepEqual(await reader.find(NAME), set(family, []));
      assert.equal(await reader.ensureSet(NAME, family), false);
      assert.equal(await writer.removeSet(NAME), true);
      assert.equal(await writer.removeSet(NAME), false);
      assert.equal(await reader.find(NAME), undefined);
    });

    test(`entries of every protocol and port are read as they were written: ${family}`, async (t) => {
      const entries = ENTRIES.filter(({ address }) => addressFamily(address) === family);
      assert.ok(entries.length >= 8);
      await t.writer.ensureSet(NAME, family);
      for (const entry of entries) assert.equal(await t.writer.ensureEntry(NAME, entry), true);
      assert.deepEqual(sorted(await t.reader.find(NAME)), sorted(set(family, entries)));
      for (const entry of entries) assert.equal(await t.reader.ensureEntry(NAME, entry), false);
      const [first, ...rest] = entries;
      assert.equal(await t.writer.removeEntry(NAME, first!), true);
      assert.equal(await t.writer.removeEntry(NAME, first!), false);
      assert.deepEqual(sorted(await t.reader.find(NAME)), sorted(set(family, rest)));
      // With entries in it, and by somebody who did not make it.
      assert.equal(await t.reader.removeSet(NAME), true);
    });
  }

  test("sets and their entries do not mix", async ({ writer, reader }) => {
    const entry = parse("10.0.0.1:80", "tcp");
    for (const name of ["first", "second"]) await writer.ensureSet(name, "ipv4");
    assert.equal(await writer.ensureEntry("first", entry), true);
    assert.equal(await writer.removeEntry("second", entry), false);
    assert.equal((await reader.find("first"))?.entries.length, 1);
    assert.equal((await reader.find("second"))?.entries.length, 0);
    assert.equal(await writer.removeSet("second"), true);
    assert.equal((await reader.find("first"))?.entries.length, 1);
  });

  test("names are told apart to their last byte", async ({ writer, reader }) => {
    const names = ["a", "A", "a".repeat(31), "a b", 'a<b&"c', "VIRTUAL-IP", "ü.1:2"];
    for (const name of names) assert.equal(await writer.ensureSet(name, "ipv4"), true, name);
    for (const name of names) assert.equal((await reader.find(name))?.name, name);
    for (const name of names) assert.equal(await writer.removeSet(name), true, name);
  });

  test("a set of another type is neither taken, changed nor removed: EEXIST", async (t) => {
    const before = await Promise.all(FOREIGN.map((name) => t.reader.find(name)));
    const entry = parse("10.0.0.1:80", "tcp");
    for (const name of FOREIGN) {
      const message = new RegExp(`"${name}" is of type .*, must be hash:ip,port`);
      await refused(t.writer.ensureSet(name, "ipv4"), "EEXIST", { subject: name, message });
      await refused(t.writer.removeSet(name), "EEXIST", { subject: name, message });
      const subject = `10.0.0.1,tcp:80 in ${name}`;
      await refused(t.writer.ensureEntry(name, entry), "EEXIST", { subject, message });
      await refused(t.writer.removeEntry(name, entry), "EEXIST", { subject, message });
    }
    assert.deepEqual(await Promise.all(FOREIGN.map((name) => t.reader.find(name))), before);
  });

  test("a set of the other family is left alone too", async ({ writer, reader }) => {
    await writer.ensureSet(NAME, "ipv4");
    const message = /is of type hash:ip,port for IPv4, must be hash:ip,port for IPv6/;
    await refused(writer.ensureSet(NAME, "ipv6"), "EEXIST", { message });
    await refused(writer.ensureEntry(NAME, parse("[2001:db8::1]:80", "tcp")), "EEXIST", {
      message,
    });
    assert.deepEqual(await reader.find(NAME), set("ipv4", []));
  });

  test("a set that a rule uses is not removed: EBUSY", async ({ writer, reader, use }) => {
    await writer.ensureSet(NAME, "ipv4");
    await use(NAME, true);
    const message = /a rule or another set refers to it/;
    await refused(writer.removeSet(NAME), "EBUSY", { subject: NAME, message });
    assert.equal(await writer.ensureEntry(NAME, parse("10.0.0.1:80", "tcp")), true);
    assert.equal((await reader.find(NAME))?.entries.length, 1);
    await use(NAME, false);
    assert.equal(await writer.removeSet(NAME), true);
  });

  test("an entry for a set that is not there is ENOENT, and from it removed already", async (t) => {
    const entry = parse("10.0.0.1:80", "tcp");
    await refused(t.writer.ensureEntry(NAME, entry), "ENOENT", {
      subject: `10.0.0.1,tcp:80 in ${NAME}`,
      message: /no such set/,
    });
    assert.equal(await t.writer.removeEntry(NAME, entry), false);
  });

  test("values that no kernel takes are EINVAL", async ({ writer, reader }) => {
    for (const name of ["", "a".repeat(32), "ü".repeat(16)]) {
      await refused(writer.ensureSet(name, "ipv4"), "EINVAL");
    }
    for (const [family, text] of [["ipv4", "0.0.0.0:80"], ["ipv6", "[::]:80"]] as const) {
      await writer.ensureSet(family, family);
      await refused(writer.ensureEntry(family, parse(text, "tcp")), "EINVAL");
      const entry = parse(text.replace("0.0.0.0", "10.0.0.1").replace("::", "::1"), "tcp");
      for (const port of [-1, 65536, 1.5]) {
        await refused(writer.ensureEntry(family, { ...entry, port }), "EINVAL");
      }
      assert.deepEqual((await reader.find(family))?.entries, []);
    }
  });

  test("of two that make the set or entry at once, one has made it", async ({ writer, reader }) => {
    const both = async (body: (sets: Sets) => Promise<boolean>) => {
      const changed = await Promise.all([body(writer), body(reader)]);
      assert.deepEqual(changed.sort(), [false, true]);
    };
    const entry = parse("10.0.0.1:80", "tcp");
    await both((sets) => sets.ensureSet(NAME, "ipv4"));
    await both((sets) => sets.ensureEntry(NAME, entry));
    await both((sets) => sets.removeEntry(NAME, entry));
    await both((sets) => sets.removeSet(NAME));
  });

  test(`${options.longSet} entries are all there`, async ({ writer, reader }) => {
    const entries = Array.from(
      { length: options.longSet },
      (_, i) => parse(`10.0.${i >> 8}.${(i & 255)}:${1 + (i * 61) % 65535}`, PROTOCOLS[i % 3]!),
    );
    await writer.ensureSet(NAME, "ipv4");
    for (const entry of entries) assert.equal(await writer.ensureEntry(NAME, entry), true);
    assert.deepEqual(sorted(await reader.find(NAME)), sorted(set("ipv4", entries)));
  });

  test("what random entries were added and not removed are there", async ({ writer, reader }) => {
    await fc.assert(
      fc.asyncProperty(arbitraryEntries(), async ([family, entries, removed]) => {
        await writer.ensureSet(NAME, family);
        for (const entry of entries) assert.equal(await writer.ensureEntry(NAME, entry), true);
        const gone = entries.filter((_, i) => removed[i]);
        for (const entry of gone) assert.equal(await writer.removeEntry(NAME, entry), true);
        const left = entries.filter((entry) => !gone.includes(entry));
        assert.deepEqual(sorted(await reader.find(NAME)), sorted(set(family, left)));
        assert.equal(await writer.removeSet(NAME), true);
      }),
      { numRuns: options.randomSets },
    );
  });
}

const NAME = "VIRTUAL-IP";
const FOREIGN = ["foreign-ip", "foreign-ports", "foreign-net"];
const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];

const ENTRIES = [
  "10.0.0.1:80",
  "10.0.0.1:0",
  "255.255.255.255:65535",
  "[2001:db8::1]:443",
  "[::1]:0",
  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
].flatMap((text) => PROTOCOLS.map((protocol) => parse(text, protocol)));

function parse(text: string, protocol: Protocol): SetEntry {
  return { ...parseEndpoint(text)!, protocol };
}

function set(family: Family, entries: readonly SetEntry[]): IpSet {
  return { name: NAME, type: "hash:ip,port", family, entries };
}

/** A set's order is that of its hash. */
function sorted(found: IpSet | undefined): IpSet {
  assert.ok(found);
  const key = printSetEntry;
  return { ...found, entries: found.entries.toSorted((a, b) => key(a) < key(b) ? -1 : 1) };
}

async function refused(
  promise: Promise<unknown>,
  errno: string,
  expected: { readonly subject?: string; readonly message?: RegExp } = {},
): Promise<void> {
  await assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof KernelError, `${error.name}: ${error.message}`);
    assert.ok(error.is(errno), `${error.message}: must be ${errno}`);
    assert.ok(error.op !== undefined && error.subject !== undefined, error.message);
    if (expected.subject !== undefined) assert.equal(error.subject, expected.subject);
    if (expected.message !== undefined) assert.match(error.message, expected.message);
    return true;
  });
}

function arbitraryEntries(): fc.Arbitrary<[Family, SetEntry[], boolean[]]> {
  const byte = fc.integer({ min: 0, max: 255 });
  const ipv4 = fc.tuple(fc.integer({ min: 1, max: 255 }), byte, byte, byte)
    .map((bytes) => bytes.join("."));
  const group = fc.integer({ min: 1, max: 0xffff }).map((value) => value.toString(16));
  const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 })
    .map((groups) => `[${groups.join(":")}]`);
  return fc.constantFrom<Family>("ipv4", "ipv6").chain((family) => {
    const entry = fc.tuple(
      family === "ipv4" ? ipv4 : ipv6,
      fc.integer({ min: 0, max: 65535 }),
      fc.constantFrom(...PROTOCOLS),
    ).map(([address, port, protocol]) => parse(`${address}:${port}`, protocol));
    return fc.tuple(
      fc.constant(family),
      fc.uniqueArray(entry, { maxLength: 12, selector: printSetEntry }),
      fc.array(fc.boolean(), { maxLength: 12 }),
    );
  });
}
