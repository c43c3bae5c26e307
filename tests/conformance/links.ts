/** What every Links must do, as tests that are registered for one pair of them. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { KernelError } from "../../src/errors.ts";
import type { Links } from "../../src/kernel/links.ts";
import { type Address, parseAddress } from "../../src/model/address.ts";
import {
  type InterfaceAddress,
  type Link,
  printInterfaceAddress,
  printRoute,
  type Route,
} from "../../src/model/link.ts";

/**
 * Two ways to one host: it is changed by one and read by the other. The host has "lo", the veth devices
 * "port0" (192.168.77.1/24, 2001:db8:77::1/64) and "port1" (192.168.78.1/24, 2001:db8:78::1/64), both up, and
 * "port2", which is down.
 */
export interface LinkPair extends AsyncDisposable {
  readonly writer: Links;
  readonly reader: Links;
  /** Takes a device down, as somebody else would. */
  takeDown(name: string): Promise<void>;
}

export interface LinksOptions {
  /** Whether the kernel has dummy devices. */
  readonly dummy: boolean;
  /** How many random sets of addresses are tried. */
  readonly randomAddresses: number;
}

/** Registers the suite. `open` gives a fresh host each time. */
export function testLinks(
  name: string,
  open: () => Promise<LinkPair>,
  options: LinksOptions,
): void {
  const test = (sentence: string, body: (pair: LinkPair) => Promise<void>) => {
    Deno.test(`${name}: ${sentence}`, async () => {
      await using pair = await open();
      await body(pair);
    });
  };

  test("list() tells devices with kind, state and addresses", async ({ reader }) => {
    const links = new Map((await reader.list()).map((link) => [link.name, link]));
    const lo = links.get("lo")!;
    assert.deepEqual([lo.index, lo.kind, lo.up], [1, undefined, true]);
    assert.deepEqual(globals(lo), ["127.0.0.1/8", "::1/128"]);
    const port0 = links.get("port0")!;
    assert.deepEqual([port0.kind, port0.up], ["veth", true]);
    assert.deepEqual(globals(port0), ["192.168.77.1/24", "2001:db8:77::1/64"]);
    const port2 = links.get("port2")!;
    assert.deepEqual([port2.kind, port2.up, globals(port2)], ["veth", false, []]);
  });

  test("find() tells of one device what list() tells of it", async ({ reader }) => {
    const links = await reader.list();
    assert.ok(links.length >= 4);
    for (const link of links) {
      const { addresses: _, ...expected } = link;
      const { addresses: __, ...found } = (await reader.find(link.name))!;
      assert.deepEqual(found, expected);
      assert.deepEqual(globals(await reader.find(link.name)), globals(link));
    }
  });

  test("find() of a name that no device has, or can have, is undefined", async ({ reader }) => {
    for (const none of ["nobody", "", ".", "a/b", "a b", "sixteen-letters-", "port", "port00"]) {
      assert.equal(await reader.find(none), undefined, none);
    }
  });

  for (const text of ADDRESSES) {
    test(`ensureAddress() and removeAddress(): ${text}`, async ({ writer, reader }) => {
      const wanted = network(text);
      const before = globals(await reader.find("port1"));
      assert.equal(await writer.ensureAddress("port1", wanted), true);
      assert.equal(await writer.ensureAddress("port1", wanted), false);
      assert.deepEqual(globals(await reader.find("port1")), [...before, text].sort());
      assert.equal(await reader.ensureAddress("port1", wanted), false);
      assert.equal(await writer.removeAddress("port1", wanted), true);
      assert.equal(await writer.removeAddress("port1", wanted), false);
      assert.deepEqual(globals(await reader.find("port1")), before);
    });
  }

  test("an address may stand on a device that is down", async ({ writer, reader }) => {
    await writer.ensureAddress("port2", network("10.0.0.1/32"));
    await writer.ensureAddress("port2", network("2001:db8::1/128"));
    assert.deepEqual(globals(await reader.find("port2")), ["10.0.0.1/32", "2001:db8::1/128"]);
  });

  test("an IPv4 address may stand there with two prefixes, and each is removed alone", async (t) => {
    const [host, net] = [network("10.0.0.1/32"), network("10.0.0.1/24")];
    assert.equal(await t.writer.ensureAddress("port2", host), true);
    assert.equal(await t.writer.ensureAddress("port2", net), true);
    assert.deepEqual(globals(await t.reader.find("port2")), ["10.0.0.1/24", "10.0.0.1/32"]);
    assert.equal(await t.writer.removeAddress("port2", net), true);
    assert.deepEqual(globals(await t.reader.find("port2")), ["10.0.0.1/32"]);
  });

  test("an IPv6 address that is there with another prefix is left alone: EEXIST", async (t) => {
    const subject = "2001:db8:77::1/128 on port0";
    await refused(t.writer.ensureAddress("port0", network("2001:db8:77::1/128")), "EEXIST", {
      subject,
      message: /with another prefix/,
    });
    assert.deepEqual(globals(await t.reader.find("port0")), [
      "192.168.77.1/24",
      "2001:db8:77::1/64",
    ]);
  });

  test("removeAddress() leaves the same address with another prefix", async ({ writer, reader }) => {
    assert.equal(await writer.removeAddress("port0", network("192.168.77.1/32")), false);
    assert.equal(await writer.removeAddress("port0", network("2001:db8:77::1/128")), false);
    assert.equal(await writer.removeAddress("port0", network("192.168.77.2/24")), false);
    assert.equal(await writer.removeAddress("port1", network("192.168.77.1/24")), false);
    assert.equal(globals(await reader.find("port0")).length, 2);
  });

  test("an address for a device that is not there is ENODEV, and from it removed already", async (t) => {
    const subject = "10.0.0.1/32 on nobody";
    await refused(t.writer.ensureAddress("nobody", network("10.0.0.1/32")), "ENODEV", { subject });
    assert.equal(await t.writer.removeAddress("nobody", network("10.0.0.1/32")), false);
  });

  test("values that no kernel takes are EINVAL", async ({ writer }) => {
    const address = network("10.0.0.1/32");
    await refused(writer.ensureAddress("a/b", address), "EINVAL");
    await refused(writer.ensureAddress("port0", { ...address, prefix: 33 }), "EINVAL");
    await refused(writer.ensureAddress("port0", { ...address, prefix: 1.5 }), "EINVAL");
    for (const name of ["", "..", "sixteen-letters-", "a:b", "a\tb"]) {
      await refused(writer.ensureDummy(name), "EINVAL");
    }
  });

  test("what random addresses were ensured are there, and nothing else", async (t) => {
    const arbitrary = fc.uniqueArray(arbitraryAddress(), {
      maxLength: 8,
      selector: ({ address }) => address,
    });
    await fc.assert(
      fc.asyncProperty(arbitrary, async (addresses) => {
        for (const address of addresses) {
          assert.equal(await t.writer.ensureAddress("port2", address), true);
        }
        const expected = addresses.map(printInterfaceAddress).sort();
        assert.deepEqual(globals(await t.reader.find("port2")), expected);
        for (const address of addresses) {
          // A secondary address goes with its primary one, so it may be gone already.
          await t.writer.removeAddress("port2", address);
        }
        assert.deepEqual(globals(await t.reader.find("port2")), []);
      }),
      { numRuns: options.randomAddresses },
    );
  });

  for (const route of ROUTES) {
    test(`ensureRoute() and removeRoute(): ${printRoute(route)}`, async ({ writer, reader }) => {
      const others = await keys(reader);
      assert.equal(await writer.ensureRoute(route), true);
      const [found, ...more] = (await reader.routes()).filter((each) =>
        sameDestination(each, route)
      );
      assert.deepEqual(found, { device: "port0", ...route });
      assert.deepEqual(more, []);
      assert.equal(await writer.ensureRoute(route), false);
      assert.equal(await reader.ensureRoute(route), false);
      assert.equal(await writer.removeRoute(route), true);
      assert.equal(await writer.removeRoute(route), false);
      assert.deepEqual(await keys(reader), others);
    });
  }

  test("a route by another gateway is replaced, and no other route", async ({ writer, reader }) => {
    for (const [to, first, second, elsewhere] of GATEWAYS) {
      const route = { destination: network(to), gateway: first, metric: 50 };
      const other = { ...route, metric: 60 };
      const neighbour = { ...route, destination: network(elsewhere) };
      for (const each of [route, other, neighbour]) {
        assert.equal(await writer.ensureRoute(each), true);
      }
      const moved = { ...route, gateway: second };
      assert.equal(await writer.ensureRoute(moved), true);
      assert.equal(await writer.ensureRoute(moved), false);
      const expected = [moved, other, neighbour].map((each) =>
        printRoute({ ...each, device: "port0" })
      );
      const found = (await reader.routes()).filter(({ metric }) => metric === 50 || metric === 60)
        .map(printRoute);
      assert.deepEqual(found.filter((each) => expected.includes(each)).sort(), expected.sort());
      assert.equal(
        found.some((each) => each.includes(`${to} via ${first} dev port0 metric 50`)),
        false,
      );
      // By the old way it is not there any more, and the new one is not it.
      assert.equal(await writer.removeRoute(route), false);
      assert.equal(await writer.removeRoute(moved), true);
    }
  });

  test("a route by another device is replaced; any device will do where none is said", async (t) => {
    for (const to of ["10.5.0.0/16", "2001:db8:5::/64"]) {
      const [first, second] = ["port0", "port1"].map((device) => ({
        destination: network(to),
        device,
        metric: 50,
      }));
      assert.equal(await t.writer.ensureRoute(first!), true);
      assert.equal(await t.writer.ensureRoute(second!), true);
      const found = (await t.reader.routes()).filter((each) => sameDestination(each, first!));
      assert.deepEqual(found, [second]);
    }
    const route = { destination: network("10.6.0.0/16"), gateway: ip("192.168.78.9"), metric: 1 };
    assert.equal(await t.writer.ensureRoute({ ...route, device: "port1" }), true);
    assert.equal(await t.writer.ensureRoute(route), false);
    assert.equal(await t.writer.removeRoute({ ...route, device: "port0" }), false);
    assert.equal(await t.writer.removeRoute(route), true);
  });

  test("routes that cannot be are refused, each with its errno", async ({ writer, reader }) => {
    const before = await keys(reader);
    const v4 = { destination: network("10.0.0.1/32"), metric: 50 };
    const v6 = { destination: network("2001:db8::1/128"), metric: 50 };
    const far = { message: /no way to the gateway/ };
    await refused(writer.ensureRoute({ ...v4, gateway: ip("172.31.0.1") }), "ENETUNREACH", far);
    await refused(
      writer.ensureRoute({ ...v6, gateway: ip("2001:db8:99::1") }),
      "EHOSTUNREACH",
      far,
    );
    await refused(writer.ensureRoute({ ...v4, device: "nobody" }), "ENODEV");
    await refused(writer.ensureRoute({ ...v6, device: "nobody" }), "ENODEV");
    await refused(writer.ensureRoute({ ...v4, device: "port2" }), "ENETDOWN");
    await refused(writer.ensureRoute({ ...v6, device: "port2" }), "ENETDOWN");
    await refused(writer.ensureRoute(v4), "EINVAL");
    await refused(writer.ensureRoute({ ...v4, device: "port0", metric: -1 }), "EINVAL");
    const wide = { ...v4, destination: network("10.0.0.1/24") };
    await refused(writer.ensureRoute({ ...wide, device: "port0" }), "EINVAL");
    await refused(writer.ensureRoute({ ...v6, gateway: ip("192.168.77.2") }), "EINVAL");
    assert.deepEqual(await keys(reader), before);
  });

  test("a route over a device that is not there is removed already", async ({ writer }) => {
    const route = { destination: network("10.0.0.1/32"), device: "nobody", metric: 50 };
    assert.equal(await writer.removeRoute(route), false);
  });

  test("a device of another kind is neither taken nor removed: EEXIST", async (t) => {
    const { writer, reader } = t;
    const state = async () =>
      (await reader.list()).map((link) => ({ ...link, addresses: globals(link) }));
    const before = await state();
    const message = /"port0" is of kind veth, must be dummy/;
    await refused(writer.ensureDummy("port0"), "EEXIST", { subject: "port0", message });
    await refused(writer.removeDummy("port0"), "EEXIST", { subject: "port0", message });
    await refused(writer.ensureDummy("port2"), "EEXIST");
    await refused(writer.ensureDummy("lo"), "EEXIST", { message: /"lo" is not a virtual device/ });
    await refused(writer.removeDummy("lo"), "EEXIST");
    assert.deepEqual(await state(), before);
  });

  test("removeDummy() of nothing does nothing", async ({ writer }) => {
    assert.equal(await writer.removeDummy("lvscare"), false);
    assert.equal(await writer.removeDummy("not a name"), false);
  });

  if (!options.dummy) return;

  test("ensureDummy() makes a dummy device that is up, and removeDummy() removes it", async (t) => {
    assert.equal(await t.writer.ensureDummy("lvscare"), true);
    assert.equal(await t.writer.ensureDummy("lvscare"), false);
    const link = await t.reader.find("lvscare");
    assert.deepEqual([link?.kind, link?.up], ["dummy", true]);
    assert.equal(await t.reader.ensureDummy("lvscare"), false);
    assert.equal(await t.writer.removeDummy("lvscare"), true);
    assert.equal(await t.writer.removeDummy("lvscare"), false);
    assert.equal(await t.reader.find("lvscare"), undefined);
  });

  test("a dummy device that somebody took down is brought up again", async (t) => {
    await t.writer.ensureDummy("lvscare");
    await t.takeDown("lvscare");
    assert.equal((await t.reader.find("lvscare"))?.up, false);
    assert.equal(await t.writer.ensureDummy("lvscare"), true);
    assert.equal((await t.reader.find("lvscare"))?.up, true);
    assert.equal(await t.writer.ensureDummy("lvscare"), false);
  });

  test("addresses and routes go with their device", async ({ writer, reader }) => {
    await writer.ensureDummy("lvscare");
    for (const text of ["10.7.0.1/32", "10.7.1.1/24", "2001:db8:7::1/128"]) {
      assert.equal(await writer.ensureAddress("lvscare", network(text)), true);
    }
    const route = { destination: network("10.8.0.0/16"), device: "lvscare", metric: 7 };
    assert.equal(await writer.ensureRoute(route), true);
    assert.equal(globals(await reader.find("lvscare")).length, 3);
    assert.equal(await writer.removeDummy("lvscare"), true);
    assert.ok((await reader.routes()).every(({ device }) => device !== "lvscare"));
    assert.equal(await writer.removeRoute(route), false);
    assert.equal(await writer.removeAddress("lvscare", network("10.7.0.1/32")), false);
  });

  test("of two that make the device at once, one has made it", async ({ writer, reader }) => {
    const made = await Promise.all([writer.ensureDummy("lvscare"), reader.ensureDummy("lvscare")]);
    assert.deepEqual(made.sort(), [false, true]);
    const gone = await Promise.all([writer.removeDummy("lvscare"), reader.removeDummy("lvscare")]);
    assert.deepEqual(gone.sort(), [false, true]);
  });
}

const ADDRESSES = [
  "10.0.0.1/32",
  "10.10.10.10/24",
  "10.1.2.3/8",
  "127.9.9.9/32",
  "2001:db8::1/128",
  "2001:db8:9::1/64",
  "2001:db8::/128",
  "fd00::1:2:3/48",
];

const ROUTES: readonly Route[] = [
  { destination: network("10.0.0.1/32"), gateway: ip("192.168.77.2"), metric: 50 },
  { destination: network("10.4.0.0/24"), gateway: ip("192.168.77.2"), device: "port0", metric: 50 },
  { destination: network("10.4.4.0/22"), device: "port0", metric: 4_000_000_000 },
  { destination: network("0.0.0.0/0"), gateway: ip("192.168.77.254"), metric: 0 },
  { destination: network("128.0.0.0/1"), gateway: ip("192.168.77.254"), metric: 1 },
  { destination: network("2001:db8::1/128"), gateway: ip("2001:db8:77::2"), metric: 50 },
  { destination: network("2001:db8:4::/48"), gateway: ip("fe80::7"), device: "port0", metric: 50 },
  { destination: network("2001:db8:5::/64"), device: "port0", metric: 1 },
  { destination: network("::/0"), gateway: ip("2001:db8:77::fe"), metric: 1024 },
  { destination: network("10.4.9.0/24"), gateway: ip("fe80::7"), device: "port0", metric: 50 },
];

/** Destination, two gateways, and another destination. */
const GATEWAYS = [
  ["10.0.0.1/32", ip("192.168.77.2"), ip("192.168.77.3"), "10.0.0.2/32"],
  ["2001:db8::1/128", ip("2001:db8:77::2"), ip("2001:db8:77::3"), "2001:db8::2/128"],
] as const;

function ip(text: string): Address {
  return parseAddress(text)!;
}

function network(text: string): InterfaceAddress {
  const [address = "", prefix] = text.split("/");
  return { address: ip(address), prefix: Number(prefix) };
}

/** The addresses that were given: link-local ones come and go by themselves. */
function globals(link: Link | undefined): string[] {
  assert.ok(link);
  return link.addresses.map(printInterfaceAddress).filter((text) => !text.startsWith("fe80"))
    .sort();
}

async function keys(links: Links): Promise<string[]> {
  return (await links.routes()).map(printRoute).filter((text) => !text.startsWith("fe80")).sort();
}

function sameDestination(a: Route, b: Route): boolean {
  return printInterfaceAddress(a.destination) === printInterfaceAddress(b.destination);
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

/** Unicast addresses that mean something on a device; in networks so small that none is secondary. */
function arbitraryAddress(): fc.Arbitrary<InterfaceAddress> {
  const byte = fc.integer({ min: 0, max: 255 });
  const ipv4 = fc.tuple(byte, byte, byte, fc.integer({ min: 8, max: 32 }))
    .map(([b, c, d, prefix]) => ({ address: ip(`10.${b}.${c}.${d}`), prefix }));
  const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  const ipv6 = fc.tuple(group, group, group, fc.integer({ min: 16, max: 128 }))
    .map(([a, b, c, prefix]) => ({ address: ip(`2001:db8:${a}::${b}:${c}`), prefix }));
  return fc.oneof(ipv4, ipv6);
}
