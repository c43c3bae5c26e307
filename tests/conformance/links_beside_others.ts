/** What Links must do beside others who change the same kernel; only a real kernel can show it. */

import assert from "node:assert/strict";
import { KernelError } from "../../src/errors.ts";
import { parseAddress } from "../../src/model/address.ts";
import { printInterfaceAddress, printRoute, type Route } from "../../src/model/link.ts";
import { ip, must } from "../support/network.ts";
import type { LinkPair } from "./links.ts";

/** Registers the suite. `open` gives a fresh host each time. */
export function testLinksBesideOthers(
  name: string,
  open: () => Promise<LinkPair>,
  options: { readonly dummy: boolean },
): void {
  const test = (sentence: string, body: (pair: LinkPair) => Promise<void>) => {
    Deno.test(`${name}: ${sentence}`, async () => {
      await using pair = await open();
      await body(pair);
    });
  };

  test("an IPv6 address is usable at once, though the device can ask its neighbours", async (t) => {
    assert.equal(await t.writer.ensureAddress("port0", network("2001:db8::5/128")), true);
    const tentative = await must("ip", "-6", "address", "show", "dev", "port0", "tentative");
    assert.ok(!tentative.includes("2001:db8::5"), tentative);
    const socket = Deno.listen({ hostname: "2001:db8::5", port: 0 });
    socket.close();
  });

  test("an address of a point-to-point link is the one of this end", async ({ reader }) => {
    await ip("address add 10.66.0.1 peer 10.66.0.2/32 dev port2");
    const addresses = (await reader.find("port2"))!.addresses.map(printInterfaceAddress);
    assert.deepEqual(addresses, ["10.66.0.1/32"]);
  });

  test("on a device without IPv6 an IPv6 address is EACCES, and the parameter is named", async (t) => {
    await must("sysctl", "-qw", "net.ipv6.conf.port0.disable_ipv6=1");
    await assert.rejects(t.writer.ensureAddress("port0", network("2001:db8::5/128")), (error) => {
      assert.ok(error instanceof KernelError && error.is("EACCES"), String(error));
      assert.equal(error.hint, "set net.ipv6.conf.port0.disable_ipv6 to 0");
      return true;
    });
  });

  test("routes() leaves out what is no plain route of the main table", async ({ reader }) => {
    const before = await texts(reader.routes());
    await ip(
      "route add blackhole 10.50.0.0/24",
      "route add unreachable 10.51.0.0/24",
      "route add 10.52.0.0/24 dev port0 table 100",
      "route add 10.53.0.0/24 nexthop via 192.168.77.2 nexthop via 192.168.78.2",
      "route add 10.54.0.0/24 tos 8 dev port0",
      "route add local 10.55.0.0/24 dev lo",
      "route add blackhole 2001:db8:50::/64",
      "route add 2001:db8:52::/64 dev port0 table 100",
      "route add 2001:db8:53::/64 nexthop via 2001:db8:77::2 nexthop via 2001:db8:78::2",
      "route add 2001:db8:54::/64 from 2001:db8:99::/64 dev port0",
    );
    assert.deepEqual(await texts(reader.routes()), before);
    await ip("route add 10.56.0.0/24 dev port0", "route add 2001:db8:56::/64 dev port0");
    const added = ["10.56.0.0/24 dev port0 metric 0", "2001:db8:56::/64 dev port0 metric 1024"];
    assert.deepEqual(await texts(reader.routes()), [...before, ...added].sort());
  });

  test("a route over several ways, or to nowhere, is replaced; those of other tables stay", async (t) => {
    await ip(
      "route add blackhole 10.50.0.0/24 metric 50",
      "route add 10.51.0.0/24 metric 50 nexthop via 192.168.77.2 nexthop via 192.168.77.3",
      "route add 10.51.0.0/24 via 192.168.78.9 metric 50 table 100",
      "route add 2001:db8:51::/64 metric 50 nexthop via 2001:db8:77::2 nexthop via 2001:db8:77::3",
    );
    for (
      const [to, gateway] of [
        ["10.50.0.0/24", "192.168.77.9"],
        ["10.51.0.0/24", "192.168.77.9"],
        ["2001:db8:51::/64", "2001:db8:77::9"],
      ] as const
    ) {
      const route = { destination: network(to), gateway: parseAddress(gateway)!, metric: 50 };
      assert.equal(await t.writer.ensureRoute(route), true);
      assert.equal(await t.writer.ensureRoute(route), false);
      const shown = await must("ip", to.includes(":") ? "-6" : "-4", "route", "show", to);
      assert.match(shown, new RegExp(`^(?:unicast )?${to} via ${gateway} dev port0 metric 50`));
      assert.equal(shown.trim().split("\n").length, 1, shown);
    }
    const other = await must("ip", "route", "show", "table", "100");
    assert.match(other, /^10\.51\.0\.0\/24 via 192\.168\.78\.9 /);
  });

  test("of routes that somebody appended, only the wanted one is left", async ({ writer }) => {
    const wanted = {
      destination: network("10.57.0.0/24"),
      gateway: parseAddress("192.168.77.9")!,
      metric: 50,
    };
    for (const last of ["192.168.77.9", "192.168.77.4"]) {
      await ip(
        "route add 10.57.0.0/24 via 192.168.77.2 metric 50",
        "route append 10.57.0.0/24 via 192.168.77.3 metric 50",
        `route append 10.57.0.0/24 via ${last} metric 50`,
        "route add 10.57.0.0/24 via 192.168.77.2 metric 51",
      );
      assert.equal(await writer.ensureRoute(wanted), true);
      assert.equal(await writer.ensureRoute(wanted), false);
      const shown = (await must("ip", "route", "show", "10.57.0.0/24")).trim().split("\n");
      assert.deepEqual(shown.map((line) => line.trim()), [
        "10.57.0.0/24 via 192.168.77.9 dev port0 metric 50",
        "10.57.0.0/24 via 192.168.77.2 dev port0 metric 51",
      ]);
      await ip("route flush 10.57.0.0/24");
    }
  });

  test("to remove a route does not remove one of another metric, type or way", async ({ writer }) => {
    const route = { destination: network("10.58.0.0/24"), device: "port0", metric: 0 };
    await ip(
      "route add 10.58.0.0/24 via 192.168.77.2 metric 50",
      "route add blackhole 10.58.0.0/24 metric 60",
    );
    assert.equal(await writer.removeRoute(route), false);
    assert.equal(await writer.removeRoute({ ...route, metric: 50 }), false);
    assert.equal(await writer.removeRoute({ ...route, metric: 60 }), false);
    const shown = (await must("ip", "route", "show", "10.58.0.0/24")).trim().split("\n");
    assert.equal(shown.length, 2);
  });

  test("routes() of a namespace in which nothing was ever up is empty", async ({ reader }) => {
    await ip("link set port0 down", "link set port1 down", "link set lo down");
    assert.deepEqual(await texts(reader.routes()), []);
  });

  if (!options.dummy) return;

  test("a name that is another device's alternative one is taken: EEXIST", async (t) => {
    await ip("link property add dev port0 altname spare0");
    assert.equal(await t.reader.find("spare0"), undefined);
    await assert.rejects(t.writer.ensureDummy("spare0"), (error) => {
      assert.ok(error instanceof KernelError && error.is("EEXIST"), String(error));
      assert.match(error.message, /the name is taken/);
      return true;
    });
    assert.equal(await t.writer.removeDummy("spare0"), false);
    assert.equal((await t.reader.find("port0"))?.kind, "veth");
  });

  test("a dummy device that somebody else made is taken, and its addresses stay", async (t) => {
    await ip("link add lvscare type dummy", "address add 10.60.0.1/32 dev lvscare");
    assert.equal(await t.writer.ensureDummy("lvscare"), true); // it was down
    assert.equal(await t.writer.ensureAddress("lvscare", network("10.60.0.1/32")), false);
    assert.equal((await t.reader.find("lvscare"))?.up, true);
  });
}

function network(text: string): Route["destination"] {
  const [address = "", prefix] = text.split("/");
  return { address: parseAddress(address)!, prefix: Number(prefix) };
}

async function texts(routes: Promise<readonly Route[]>): Promise<string[]> {
  return (await routes).map(printRoute).filter((text) => !text.startsWith("fe80")).sort();
}
