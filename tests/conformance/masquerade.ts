/** What every Masquerade must do, as tests that are registered for one pair of them. */

import assert from "node:assert/strict";
import { KernelError } from "../../src/errors.ts";
import type { Masquerade, MasqueradeOptions } from "../../src/kernel/masquerade.ts";
import { printSetEntry, type SetEntry } from "../../src/kernel/sets.ts";
import type { Family } from "../../src/model/address.ts";
import { parseEndpoint } from "../../src/model/endpoint.ts";
import type { Protocol } from "../../src/model/ipvs.ts";

/** One way in which somebody else breaks the rules while they are whole. */
export interface Damage {
  /** What is done: "the jump from OUTPUT is deleted". */
  readonly name: string;
  /** Matched by one of the pieces that are said to be missing. */
  readonly says: RegExp;
  /** How many pieces are said to be missing. Default: 1. */
  readonly pieces?: number;
  /** Whether the set goes with it, and with the set what is in it; or all that is ours. Default: neither. */
  readonly loses?: "set" | "everything";
  apply(): Promise<void>;
}

/**
 * Two ways to one kernel's rules: they are changed by one and read by the other. At first there is nothing of
 * ours, and, where there can be, much of other people's, as alike to ours as theirs can be.
 */
export interface MasqueradeHost extends AsyncDisposable {
  readonly writer: Masquerade;
  readonly reader: Masquerade;
  /** One or more for every piece that we make; those rules are whole when one of them is applied. */
  damages(options: MasqueradeOptions): readonly Damage[];
  /** Everything that is not ours: rules in their order, chains, sets and what is in them. */
  foreign(): Promise<string>;
  /** Which bits of the mark our rules of the family look at or set, each once. */
  bits(family: Family): Promise<readonly number[]>;
  /** Something that is another with each change of rules, even with one that makes no difference. */
  generation(): Promise<string>;
}

/** Registers the suite. `open` gives a fresh kernel each time. */
export function testMasquerade(
  name: string,
  open: () => Promise<MasqueradeHost>,
  options: {
    /** How many kinds of damage there are at least: none is passed over unnoticed. */
    readonly damages: number;
  },
): void {
  /** Whatever is done, other people's things stay as they were. */
  const test = (sentence: string, body: (host: MasqueradeHost) => Promise<void>) => {
    Deno.test(`${name}: ${sentence}`, async () => {
      await using host = await open();
      const before = await host.foreign();
      await body(host);
      assert.equal(await host.foreign(), before);
    });
  };

  for (const family of ["ipv4", "ipv6"] as const) {
    const bit = (markBit: number): MasqueradeOptions => ({ family, markBit });
    const [own, others] = [entriesOf(family, 1), entriesOf(family, 2)];

    test(`ensure() makes what missing() names, once: ${family}`, async (host) => {
      const { writer, reader } = host;
      const missing = await reader.missing(bit(0));
      assertPieces(missing);
      assert.deepEqual(await writer.ensure(bit(0)), missing);
      for (const each of [writer, reader]) assert.deepEqual(await each.missing(bit(0)), []);
      const generation = await host.generation();
      for (const each of [writer, reader]) assert.deepEqual(await each.ensure(bit(0)), []);
      assert.equal(await host.generation(), generation);
      assert.deepEqual(await host.bits(family), [0]);
    });

    test(`missing() and reading change nothing: ${family}`, async (host) => {
      const generation = await host.generation();
      const missing = await host.reader.missing(bit(3));
      assert.equal(await host.reader.exists(family), false);
      assert.deepEqual(await host.reader.entries(family), []);
      assert.deepEqual(await host.reader.missing(bit(3)), missing);
      assert.equal(await host.generation(), generation);
    });

    test(`exists() is from ensure() to remove(): ${family}`, async ({ writer, reader }) => {
      assert.equal(await reader.exists(family), false);
      await writer.ensure(bit(0));
      assert.equal(await reader.exists(family), true);
      await writer.remove(family);
      assert.equal(await reader.exists(family), false);
    });

    test(`entries of every protocol are there once, and gone once: ${family}`, async (host) => {
      const { writer, reader } = host;
      await writer.ensure(bit(0));
      assert.deepEqual(await reader.entries(family), []);
      await writer.changeEntries(family, { add: own });
      assertEntries(await reader.entries(family), own);
      await reader.changeEntries(family, { add: own });
      await writer.changeEntries(family, {});
      assertEntries(await writer.entries(family), own);
      const [first, ...rest] = own;
      for (const each of [writer, reader]) {
        await each.changeEntries(family, { remove: [first!] });
        assertEntries(await reader.entries(family), rest);
      }
      await writer.changeEntries(family, { add: [first!, first!], remove: rest });
      assertEntries(await reader.entries(family), [first!]);
    });

    test(`entries of two instances are side by side: ${family}`, async ({ writer, reader }) => {
      await writer.ensure(bit(0));
      assert.deepEqual(await reader.ensure(bit(0)), []);
      await writer.changeEntries(family, { add: own });
      await reader.changeEntries(family, { add: others });
      assertEntries(await writer.entries(family), [...own, ...others]);
      await writer.changeEntries(family, { remove: own });
      for (const each of [writer, reader]) assertEntries(await each.entries(family), others);
      assert.deepEqual(await writer.missing(bit(0)), []);
    });

    test(`entries without the set are ENOENT: ${family}`, async ({ writer, reader }) => {
      await refused(writer.changeEntries(family, { add: own }), "ENOENT");
      await refused(writer.changeEntries(family, { remove: own }), "ENOENT");
      assert.equal(await reader.exists(family), false);
    });

    test(`entries that cannot be are EINVAL, and none is added: ${family}`, async (host) => {
      await host.writer.ensure(bit(0));
      const [good] = own;
      const bad: readonly SetEntry[] = [
        entriesOf(family === "ipv4" ? "ipv6" : "ipv4", 1)[0]!,
        { ...parseEndpoint(family === "ipv4" ? "0.0.0.0:80" : "[::]:80")!, protocol: "tcp" },
        ...[-1, 65536, 1.5].map((port) => ({ ...good!, port })),
      ];
      for (const entry of bad) {
        await refused(host.writer.changeEntries(family, { add: [good!, entry] }), "EINVAL");
        await refused(host.writer.changeEntries(family, { remove: [entry] }), "EINVAL");
      }
      assert.deepEqual(await host.reader.entries(family), []);
    });

    test(`another bit replaces the one before, and entries stay: ${family}`, async (host) => {
      const { writer, reader } = host;
      for (const [i, markBit] of [0, 31, 14, 0].entries()) {
        assertPieces(await reader.missing(bit(markBit)));
        assertPieces(await writer.ensure(bit(markBit)));
        assert.deepEqual(await host.bits(family), [markBit]);
        for (const each of [writer, reader]) assert.deepEqual(await each.missing(bit(markBit)), []);
        if (i === 0) await writer.changeEntries(family, { add: own });
        assertEntries(await reader.entries(family), own);
      }
    });

    test(`a bit that no mark has is EINVAL, and nothing is changed: ${family}`, async (host) => {
      await host.writer.ensure(bit(5));
      const generation = await host.generation();
      for (const markBit of [-1, 32, 1.5, NaN]) {
        await refused(host.reader.missing(bit(markBit)), "EINVAL");
        await refused(host.writer.ensure(bit(markBit)), "EINVAL");
      }
      assert.equal(await host.generation(), generation);
      assert.deepEqual(await host.reader.missing(bit(5)), []);
    });

    test(`whatever is broken, ensure() mends just that: ${family}`, async (host) => {
      const { writer, reader } = host;
      await writer.ensure(bit(2));
      const damages = host.damages(bit(2));
      assert.ok(damages.length >= options.damages, `${damages.length} kinds of damage`);
      for (const { name, apply, says, pieces = 1, loses } of damages) {
        await writer.changeEntries(family, { add: [...own, ...others] });
        await apply();
        const missing = await reader.missing(bit(2));
        assert.ok(missing.some((piece) => says.test(piece)), `${name}: ${missing.join("; ")}`);
        assert.equal(missing.length, pieces, `${name}: ${missing.join("; ")}`);
        assert.deepEqual(await writer.ensure(bit(2)), missing, name);
        assert.deepEqual(await reader.missing(bit(2)), [], name);
        assert.deepEqual(await host.bits(family), [2], name);
        assertEntries(await reader.entries(family), loses ? [] : [...own, ...others], name);
      }
    });

    test(`whatever is broken, remove() takes away the rest: ${family}`, async (host) => {
      const { writer, reader } = host;
      const damages = host.damages(bit(2));
      assert.ok(damages.length >= options.damages, `${damages.length} kinds of damage`);
      for (const { name, apply, loses } of damages) {
        await writer.ensure(bit(2));
        await writer.changeEntries(family, { add: own });
        await apply();
        const left = loses !== "everything";
        assert.equal(await reader.exists(family), left, name);
        assert.equal(await writer.remove(family), left, name);
        await assertNothing(host, family, name);
      }
    });

    test(`remove() takes away rules by any bit, and once: ${family}`, async (host) => {
      for (const markBit of [0, 31]) {
        await host.writer.ensure(bit(markBit));
        await host.writer.changeEntries(family, { add: own });
        assert.equal(await host.reader.remove(family), true);
        await assertNothing(host, family);
      }
    });

    test(`remove() of nothing says so: ${family}`, async (host) => {
      await assertNothing(host, family);
      assertPieces(await host.reader.missing(bit(0)));
    });
  }

  test("the families know nothing of each other", async (host) => {
    const { writer, reader } = host;
    const [four, six] = [entriesOf("ipv4", 1), entriesOf("ipv6", 1)];
    await writer.ensure({ family: "ipv4", markBit: 1 });
    await writer.changeEntries("ipv4", { add: four });
    assert.equal(await reader.exists("ipv6"), false);
    assertPieces(await writer.ensure({ family: "ipv6", markBit: 7 }));
    await writer.changeEntries("ipv6", { add: six });
    assert.deepEqual(await host.bits("ipv4"), [1]);
    assert.deepEqual(await host.bits("ipv6"), [7]);
    assertEntries(await reader.entries("ipv4"), four);
    assertEntries(await reader.entries("ipv6"), six);
    assert.equal(await writer.remove("ipv4"), true);
    assert.deepEqual(await reader.missing({ family: "ipv6", markBit: 7 }), []);
    assertEntries(await reader.entries("ipv6"), six);
    assert.equal(await writer.remove("ipv6"), true);
  });

  test("of two that make or remove everything at once, the rules come out whole", async (host) => {
    const { writer, reader } = host;
    const options = { family: "ipv4", markBit: 4 } as const;
    await Promise.all([writer.ensure(options), reader.ensure(options)]);
    await reader.ensure(options);
    assert.deepEqual(await writer.missing(options), []);
    const removed = await Promise.all([writer.remove("ipv4"), reader.remove("ipv4")]);
    assert.ok(removed.includes(true));
    await assertNothing(host, "ipv4");
  });
}

const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];

function entriesOf(family: Family, host: number): SetEntry[] {
  const address = family === "ipv4" ? `10.103.97.${host}` : `[2001:db8::${host}]`;
  return PROTOCOLS.flatMap((protocol) =>
    [1, 6443, 65535].map((port) => ({ ...parseEndpoint(`${address}:${port}`)!, protocol }))
  );
}

function assertPieces(pieces: readonly string[]): void {
  assert.ok(pieces.length > 0);
  assert.equal(new Set(pieces).size, pieces.length, pieces.join("; "));
  for (const piece of pieces) assert.match(piece, /^\S.*\S$/);
}

/** A set's order is that of its hash. */
function assertEntries(
  actual: readonly SetEntry[],
  expected: readonly SetEntry[],
  message?: string,
): void {
  const [is, must] = [actual, expected].map((entries) => entries.map(printSetEntry).sort());
  assert.deepEqual(is, must, message);
}

async function assertNothing(
  { writer, reader, bits }: MasqueradeHost,
  family: Family,
  message?: string,
): Promise<void> {
  for (const each of [writer, reader]) assert.equal(await each.remove(family), false, message);
  assert.equal(await reader.exists(family), false, message);
  assert.deepEqual(await reader.entries(family), [], message);
  assert.deepEqual(await bits(family), [], message);
}

async function refused(promise: Promise<unknown>, errno: string): Promise<void> {
  await assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof KernelError, `${error.name}: ${error.message}`);
    assert.ok(error.is(errno), `${error.message}: must be ${errno}`);
    assert.ok(error.op !== undefined && error.subject !== undefined, error.message);
    return true;
  });
}
