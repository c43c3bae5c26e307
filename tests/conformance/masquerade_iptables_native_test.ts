/** The contract over both kinds of iptables in this machine's kernel, and what only iptables can get wrong. */

import assert from "node:assert/strict";
import { type LvscareError, UnsupportedError } from "../../src/errors.ts";
import { IptablesMasquerade } from "../../src/kernel/command/masquerade.ts";
import { ProcessRunner } from "../../src/kernel/command/runner.ts";
import { FakeSets } from "../../src/kernel/fake/sets.ts";
import { parseAddress } from "../../src/model/address.ts";
import { restore, savedLines } from "../support/masquerade_foreign.ts";
import { makeLvscareRules } from "../support/masquerade_lvscare.ts";
import { iptablesHost } from "../support/masquerade_host.ts";
import { oldRunner, prefixRunner } from "../support/masquerade_runners.ts";
import { feed, must, ownNetwork } from "../support/network.ts";
import { withFolder } from "../support/process.ts";
import { SET_IMPLEMENTATIONS } from "../support/set_host.ts";
import { type MasqueradeHost, testMasquerade } from "./masquerade.ts";

const netlink = SET_IMPLEMENTATIONS["netlink over libc"];
const { ipset } = SET_IMPLEMENTATIONS;
const OPTIONS = { family: "ipv4", markBit: 0 } as const;
const ENTRY = { address: parseAddress("10.103.97.2")!, port: 6443, protocol: "tcp" } as const;

for (const variant of ["nft", "legacy"] as const) {
  testMasquerade(
    `iptables-${variant} and netlink, read with ipset`,
    () => iptablesHost(variant, netlink, ipset),
    { damages: 21 },
  );
  testMasquerade(
    `iptables-${variant} and ipset, read with netlink`,
    () => iptablesHost(variant, ipset, netlink),
    { damages: 21 },
  );

  const test = (sentence: string, body: (host: MasqueradeHost) => Promise<void>) => {
    Deno.test(`iptables-${variant}: ${sentence}`, async () => {
      await using host = await iptablesHost(variant, netlink);
      await body(host);
    });
  };

  for (const [family, set] of [["ipv4", "VIRTUAL-IP"], ["ipv6", "VIRTUAL-IP6"]] as const) {
    test(`the rules are LVScare's, by its names, under a mask: ${family}`, async ({ writer }) => {
      await writer.ensure({ family, markBit: 14 });
      const { ours } = await savedLines(family, variant);
      assert.deepEqual(ours.filter((line) => line.startsWith("-A VIRTUAL-")), [
        "-A VIRTUAL-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        "-A VIRTUAL-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        '-A VIRTUAL-POSTROUTING -m comment --comment "virtual service traffic requiring SNAT" -j MASQUERADE --random-fully',
        `-A VIRTUAL-SERVICES -m comment --comment "virtual service ip + port for masquerade purpose" -m set --match-set ${set} dst,dst -j VIRTUAL-MARK-MASQ`,
      ]);
      // The tables nat and filter are printed in an order that is not told.
      assert.deepEqual(ours.filter((line) => /^-A (?!VIRTUAL-)/.test(line)).sort(), [
        '-A OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x4000/0x4000 -j ACCEPT',
        '-A OUTPUT -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES',
        '-A POSTROUTING -m comment --comment "virtual service postrouting rules" -j VIRTUAL-POSTROUTING',
        '-A PREROUTING -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES',
      ]);
    });
  }

  test("what LVScare left is replaced, its entries stay", async ({ writer, reader, bits }) => {
    await makeLvscareRules(variant);
    const missing = await reader.missing(OPTIONS);
    assert.deepEqual(missing, [
      "rule of chain VIRTUAL-POSTROUTING: -m mark ! --mark 0x1/0x1 -j RETURN",
      'rule of chain OUTPUT: -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x1/0x1 -j ACCEPT',
      'old rule in chain OUTPUT: -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x1 -j ACCEPT',
    ]);
    assert.deepEqual(await writer.ensure(OPTIONS), missing);
    assert.deepEqual(await reader.missing(OPTIONS), []);
    assert.deepEqual(await bits("ipv4"), [0]);
    assert.deepEqual(await reader.entries("ipv4"), [ENTRY]);
    assert.deepEqual((await savedLines("ipv4", variant)).ours.filter(isUnmasked), []);
  });

  test("what LVScare left is removed", async ({ writer, reader, foreign }) => {
    const before = await foreign();
    await makeLvscareRules(variant);
    assert.equal(await reader.exists("ipv4"), true);
    assert.equal(await writer.remove("ipv4"), true);
    assert.equal(await reader.exists("ipv4"), false);
    assert.equal(await foreign(), before);
  });

  test("the accepting rule is made first, and stays where others then put it", async (host) => {
    await host.writer.ensure(OPTIONS);
    const output = async () => (await must(`iptables-${variant}`, "-S", "OUTPUT")).split("\n");
    // Behind the policy.
    assert.equal(
      (await output())[1],
      '-A OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x1/0x1 -j ACCEPT',
    );
    await restore("ipv4", variant, "*filter\n-I OUTPUT -s 10.9.9.9/32 -j DROP\nCOMMIT\n");
    const changed = await output();
    assert.deepEqual(await host.writer.ensure(OPTIONS), []);
    assert.deepEqual(await output(), changed);
  });

  test("rules of others between ours stay where they are", async (host) => {
    await host.writer.ensure(OPTIONS);
    const between = ["PREROUTING", "POSTROUTING"].flatMap((chain) => [
      `-I ${chain} 2 -s 10.9.9.8/32 -j RETURN`,
      `-A ${chain} -s 10.9.9.9/32 -m comment --comment "virtual service portals" -j RETURN`,
    ]);
    await restore("ipv4", variant, `*nat\n${between.join("\n")}\nCOMMIT\n`);
    const before = await host.foreign();
    assert.deepEqual(await host.writer.missing(OPTIONS), []);
    assert.ok((await host.writer.ensure({ ...OPTIONS, markBit: 9 })).length > 0);
    assert.equal(await host.foreign(), before);
    await host.writer.remove("ipv4");
    assert.equal(await host.foreign(), before);
  });

  test("a chain that a rule of others jumps to is EBUSY, and all else is removed", async (host) => {
    await host.writer.ensure(OPTIONS);
    await restore("ipv4", variant, "*nat\n-A FOREIGN -p tcp -j VIRTUAL-MARK-MASQ\nCOMMIT\n");
    const before = await host.foreign();
    for (let i = 0; i < 2; i++) {
      await rejects(host.writer.remove("ipv4"), (error) => {
        assert.ok(error.is("EBUSY"), error.message);
        assert.match(error.message, /rule "-A FOREIGN -p tcp -j VIRTUAL-MARK-MASQ" refers to/);
      });
      const { ours } = await savedLines("ipv4", variant);
      assert.deepEqual(ours, [":VIRTUAL-MARK-MASQ - [0:0]"]);
      assert.deepEqual(await host.reader.entries("ipv4"), []);
    }
    assert.equal(await host.foreign(), before);
    assert.equal(await host.reader.exists("ipv4"), true);
    await restore("ipv4", variant, "*nat\n-D FOREIGN -p tcp -j VIRTUAL-MARK-MASQ\nCOMMIT\n");
    assert.equal(await host.writer.remove("ipv4"), true);
    assert.equal(await host.writer.remove("ipv4"), false);
  });

  test("a set that a rule of others matches on is EBUSY, and all else is removed", async (host) => {
    await host.writer.ensure(OPTIONS);
    const rule = "FORWARD -m set --match-set VIRTUAL-IP dst,dst -j ACCEPT";
    await restore("ipv4", variant, `*filter\n-A ${rule}\nCOMMIT\n`);
    await rejects(host.writer.remove("ipv4"), (error) => assert.ok(error.is("EBUSY")));
    assert.deepEqual((await savedLines("ipv4", variant)).ours, []);
    await restore("ipv4", variant, `*filter\n-D ${rule}\nCOMMIT\n`);
    assert.equal(await host.writer.remove("ipv4"), true);
  });

  test("a set of our name and another type is left alone: EEXIST", async (host) => {
    await must("ipset", "create", "VIRTUAL-IP", "hash:net");
    const generation = await host.generation();
    assert.match((await host.reader.missing(OPTIONS))[0]!, /^set VIRTUAL-IP: is of type hash:net/);
    await rejects(host.writer.ensure(OPTIONS), (error) => assert.ok(error.is("EEXIST")));
    assert.equal(await host.reader.exists("ipv4"), false);
    assert.equal(await host.writer.remove("ipv4"), false);
    assert.equal(await host.generation(), generation);
  });

  test("an iptables without random source ports makes the rest, and is not asked again", async (host) => {
    using masquerade = closing(new IptablesMasquerade(oldRunner(), netlink(), { variant }));
    const missing = await host.reader.missing(OPTIONS);
    assert.equal((await masquerade.value.ensure(OPTIONS)).length, missing.length);
    assert.deepEqual(await masquerade.value.ensure(OPTIONS), []);
    assert.deepEqual(await masquerade.value.missing(OPTIONS), []);
    using restarted = closing(new IptablesMasquerade(oldRunner(), netlink(), { variant }));
    assert.deepEqual(await restarted.value.ensure(OPTIONS), []);
    assert.equal(await masquerade.value.remove("ipv4"), true);
  });

  test("without CAP_NET_ADMIN it is EPERM, to look at too", async () => {
    const runner = prefixRunner("/usr/bin/setpriv", "--bounding-set=-net_admin", "--inh-caps=-all");
    const masquerade = new IptablesMasquerade(runner, new FakeSets(), { variant });
    for (const method of ["missing", "ensure"] as const) {
      await rejects(masquerade[method](OPTIONS), (error) => {
        assert.ok(error.is("EPERM"), error.message);
        assert.equal(error.hint, "it needs CAP_NET_ADMIN: run it as root");
        assert.ok(!error.message.includes("\n"));
      });
    }
  });
}

Deno.test("iptables-legacy: tables that are not there yet are EPERM without CAP_NET_ADMIN", async () => {
  using _ = ownNetwork();
  const runner = prefixRunner("/usr/bin/setpriv", "--bounding-set=-net_admin", "--inh-caps=-all");
  const sets = new FakeSets();
  const masquerade = new IptablesMasquerade(runner, sets, { variant: "legacy" });
  await rejects(masquerade.ensure(OPTIONS), (error) => assert.ok(error.is("EPERM"), error.message));
});

Deno.test("iptables-legacy: a lock that is held too long is EAGAIN", async () => {
  using _ = ownNetwork();
  await withFolder(async (folder) => {
    using lock = await Deno.open(`${folder}/lock`, { create: true, write: true });
    await lock.lock(true);
    const runner = prefixRunner("/usr/bin/env", `XTABLES_LOCKFILE=${folder}/lock`);
    const masquerade = new IptablesMasquerade(runner, new FakeSets(), {
      variant: "legacy",
      lockSeconds: 1,
    });
    await must("ipset", "create", "VIRTUAL-IP", "hash:ip,port");
    await rejects(masquerade.ensure(OPTIONS), (error) => {
      assert.ok(error.is("EAGAIN"), error.message);
    });
    await lock.unlock();
    assert.ok((await masquerade.ensure(OPTIONS)).length > 0);
  });
});

Deno.test("iptables-nft: a table that only nft can read is not taken for an empty one", async () => {
  using _ = ownNetwork();
  const rules = `table ip nat {
    chain OUTPUT { type nat hook output priority -100; numgen random mod 2 0 accept; }
  }\n`;
  await feed(rules, "nft", "-f", "-");
  const before = await must("nft", "list", "ruleset");
  const masquerade = new IptablesMasquerade(new ProcessRunner(), new FakeSets(), {
    variant: "nft",
  });
  await rejects(masquerade.ensure(OPTIONS), (error) => {
    assert.ok(error instanceof UnsupportedError);
    assert.match(error.message, /table "nat" holds rules of nft/);
  });
  assert.equal(await must("nft", "list", "ruleset"), before);
});

function isUnmasked(line: string): boolean {
  return /--mark 0x1 /.test(line);
}

function closing(value: IptablesMasquerade): Disposable & { readonly value: IptablesMasquerade } {
  return { value, [Symbol.dispose]: () => value.close() };
}

async function rejects(
  promise: Promise<unknown>,
  check: (error: LvscareError) => void,
): Promise<void> {
  await assert.rejects(promise, (error: LvscareError) => {
    check(error);
    return true;
  });
}
