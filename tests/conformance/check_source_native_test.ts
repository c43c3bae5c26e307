/** That checks come from where they are to come from, as the other side and the kernel see it. */

import assert from "node:assert/strict";
import type { CheckRequest, SourceConfig } from "../../src/config/check.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { type AloneOptions, askAlone } from "../support/check_alone.ts";
import { until } from "../support/care_lab.ts";
import { serveDatagrams } from "../support/check_datagrams.ts";
import {
  ask,
  type CheckFamily,
  type CheckLab,
  FAMILIES,
  labTest,
  OK,
  SILENCE,
  V4,
  V6,
} from "../support/check_lab.ts";
import { NGINX, startNginx } from "../support/check_programs.ts";
import {
  bytes,
  checkOf,
  contains,
  httpOf,
  impatient,
  TRUST_ALL,
} from "../support/check_requests.ts";
import { leaving, serveAs } from "../support/check_servers.ts";
import { write } from "../support/http_servers.ts";

type SourcedCheck = Exclude<CheckRequest, { readonly kind: "exec" | "file" }>;

const STREAMS: Readonly<Record<string, SourcedCheck>> = {
  "http": httpOf(),
  "http of 2": httpOf({ version: "2" }),
  "https": httpOf({ scheme: "https" }),
  "tcp": checkOf("tcp", { expect: [contains("x")] }),
  "tcp over TLS": checkOf("tcp", { tls: TRUST_ALL }),
  "tls": checkOf("tls"),
  "smtp": checkOf("smtp"),
  "grpc": checkOf("grpc"),
  "dns over TCP": checkOf("dns", { transport: "tcp" }),
};
const DATAGRAMS: Readonly<Record<string, SourcedCheck>> = {
  "udp": checkOf("udp"),
  "dns over UDP": checkOf("dns"),
};
const ALL = { ...STREAMS, ...DATAGRAMS, "icmp": checkOf("icmp") };

const PORT = 4444;

function withSource<C extends CheckRequest>(check: C, source: SourceConfig): C {
  return { ...check, source };
}

/** Whoever came to a server that the check has been made of, so many times. */
async function peersOf(
  check: SourcedCheck,
  { one }: CheckFamily,
  times: number,
): Promise<readonly Endpoint[]> {
  if (check.kind === "udp" || (check.kind === "dns" && check.transport === "udp")) {
    await using server = await serveDatagrams(one, () => [bytes("x")]);
    for (let i = 0; i < times; i++) await ask(impatient(check), server.endpoint);
    return server.peers;
  }
  await using server = serveAs(leaving, { hostname: one });
  for (let i = 0; i < times; i++) await ask(check, server.endpoint);
  await until(() => server.peers.length === times, "all of them were taken");
  return server.peers.map(({ hostname, port }) => ({
    address: hostname as Endpoint["address"],
    port,
  }));
}

for (const [name, check] of Object.entries({ ...STREAMS, ...DATAGRAMS })) {
  labTest(`${name} comes from the address that it is to come from`, async () => {
    for (const family of FAMILIES) {
      const [peer] = await peersOf(withSource(check, { address: family.other }), family, 1);
      assert.equal(peer?.address, family.other);
    }
  });

  labTest(`${name} comes from the port that it is to come from, again and again`, async () => {
    for (const family of FAMILIES) {
      for (const address of [family.other, undefined]) {
        const source = { address, port: PORT };
        const peers = await peersOf(withSource(check, source), family, 3);
        const seen = peers.map(printEndpoint);
        const from = printEndpoint({ address: address ?? family.one, port: PORT });
        assert.deepEqual(seen, [from, from, from]);
      }
    }
  });
}

labTest(
  "http comes from an address and a port to a real server, which answers it there",
  async (lab) => {
    await startNginx(lab);
    for (const { one: address, other } of FAMILIES) {
      for (const version of ["1.0", "1.1", "2"] as const) {
        for (let round = 0; round < 3; round++) {
          const expect = [contains(` from ${other} port ${PORT} `)];
          const check = withSource(httpOf({ version, expect }), { address: other, port: PORT });
          const port = version === "2" ? NGINX.h2c : NGINX.plain;
          assert.deepEqual(await ask(check, { address, port }), OK);
        }
      }
    }
  },
);

labTest("icmp comes from the address that it is to come from", async (lab) => {
  await lab.nft(`chain input { type filter hook input priority 0
    ip saddr ${V4.other} ip daddr ${V4.one} icmp type echo-request counter comment "IPv4"
    ip6 saddr ${V6.other} ip6 daddr ${V6.one} icmpv6 type echo-request counter comment "IPv6"
  }`);
  for (const { name, one, other } of FAMILIES) {
    for (const range of ["1 0", "0 2147483647"]) {
      Deno.writeTextFileSync("/proc/sys/net/ipv4/ping_group_range", range);
      const check = withSource(checkOf("icmp"), { address: other });
      assert.deepEqual(await ask(check, { address: one, port: 0 }), OK);
    }
    assert.equal(await lab.counted(name), 2);
  }
});

/** By which the rules below tell the checks. */
const MARKS = Object.keys(ALL).map((name, i) => [name, 0x1000 + i] as const);

labTest("every check sets its mark, and where none is to be set there is none", async (lab) => {
  const rules = MARKS.flatMap(([name, mark]) =>
    FAMILIES.map(({ name: family }) => {
      const packets = `meta nfproto ${family.toLowerCase()} meta mark ${mark}`;
      return `${packets} counter comment "${name} ${family}"`;
    })
  );
  await lab.nft(`chain output { type filter hook output priority 0
    ${rules.join("\n")}
    ip daddr ${V4.one} meta mark != 0 counter comment "marked IPv4"
    ip6 daddr ${V6.one} meta mark != 0 counter comment "marked IPv6"
  }`);
  const askAll = (change: (name: string, check: SourcedCheck) => SourcedCheck) =>
    Promise.all(
      FAMILIES.flatMap(({ one: address }) =>
        Object.entries(ALL).map(([name, check]) =>
          ask(change(name, check), { address, port: PORT })
        )
      ),
    );
  await askAll((_, check) => check);
  for (const { name } of FAMILIES) assert.equal(await lab.counted(`marked ${name}`), 0);
  const marks = new Map(MARKS);
  await askAll((name, check) => withSource(check, { mark: marks.get(name) }));
  for (const { name: family } of FAMILIES) {
    for (const [name] of MARKS) {
      assert.ok(await lab.counted(`${name} ${family}`) > 0, `${name} ${family}`);
    }
  }
});

labTest("every check leaves by the device that it is to leave by", async (lab) => {
  const devices = ["cable0", "cable1"];
  const names = Object.keys(ALL) as readonly (keyof typeof ALL)[];
  const rules = devices.flatMap((device) =>
    FAMILIES.flatMap(({ name: family, nobody }) =>
      names.map((name, i) => {
        const to = family === "IPv4" ? `ip daddr ${nobody}` : `ip6 daddr ${nobody}`;
        const what = name === "icmp"
          ? `meta l4proto { icmp, icmpv6 }`
          : `meta l4proto { tcp, udp } th dport ${9000 + i}`;
        return `oifname ${device} ${to} ${what} counter comment "${device} ${family} ${name}"`;
      })
    )
  );
  await lab.nft(`chain output { type filter hook output priority 0\n${rules.join("\n")}\n}`);
  const askAll = (source: SourceConfig) =>
    Promise.all(FAMILIES.flatMap(({ nobody }) =>
      names.map((name, i) => {
        const check = withSource(impatient<SourcedCheck>(ALL[name]), source);
        return ask(check, { address: nobody, port: 9000 + i });
      })
    ));
  const counts = async (device: string) => {
    const counted: Record<string, boolean> = {};
    for (const { name: family } of FAMILIES) {
      for (const name of names) {
        counted[`${family} ${name}`] = await lab.counted(`${device} ${family} ${name}`) > 0;
      }
    }
    return counted;
  };
  const allAre = (value: boolean) =>
    Object.fromEntries(
      FAMILIES.flatMap(({ name: family }) => names.map((name) => [`${family} ${name}`, value])),
    );
  // The first of them is the route's choice.
  const late = { ok: false, reason: `no answer within ${SILENCE}` };
  for (const result of await askAll({ device: "cable1" })) assert.deepEqual(result, late);
  assert.deepEqual(await counts("cable1"), allAre(true));
  assert.deepEqual(await counts("cable0"), allAre(false));
  await askAll({});
  assert.deepEqual(await counts("cable0"), allAre(true));
});

/** A process that sees other files in the place of those of /etc. */
function withEtc(lab: CheckLab, names: readonly string[]): AloneOptions {
  const mounts = names.map((name) => `mount --bind ${lab.folder}/${name} /etc/${name}`);
  const inside = [...mounts, 'exec "$@"'].join(" && ");
  return { shell: `exec unshare --mount sh -c '${inside}' sh "$@"` };
}

labTest("http is redirected to a name's address of the family that it comes from", async (lab) => {
  await lab.write("hosts", FAMILIES.map(({ one }) => `${one} two.example\n`).join(""));
  for (const { name, one, other } of FAMILIES) {
    const seen: string[] = [];
    await using first = serveAs(async (connection) => {
      await connection.read(new Uint8Array(4096));
      await write(
        connection,
        `HTTP/1.1 302 Found\r\nLocation: http://two.example:${second.endpoint.port}/\r\n\r\n`,
      );
    }, { hostname: one });
    await using second = serveAs(async (connection) => {
      seen.push((connection.remoteAddr as Deno.NetAddr).hostname);
      await connection.read(new Uint8Array(4096));
      await write(connection, "HTTP/1.1 200 OK\r\n\r\n");
    }, { hostname: one });
    const check = withSource(httpOf(), { address: other });
    const task = { check, target: first.endpoint };
    assert.deepEqual(await askAlone(withEtc(lab, ["hosts"]), [task]), [OK], name);
    assert.deepEqual(seen, [other]);
  }
});

labTest("http waits for a resolver that says nothing no longer than for all", async (lab) => {
  // One question, one attempt, so that it does not keep the process for long.
  await lab.write("resolv.conf", `nameserver ${V4.nobody}\noptions timeout:1 attempts:1\n`);
  await using server = serveAs(async (connection) => {
    await connection.read(new Uint8Array(4096));
    await write(connection, "HTTP/1.1 302 Found\r\nLocation: http://slow.example/\r\n\r\n");
  }, { hostname: V4.one });
  const check = impatient(httpOf());
  const tasks = [check, withSource(check, { address: V4.other })].map((check) => {
    return { check, target: server.endpoint };
  });
  const late = { ok: false, reason: `no answer within ${SILENCE}` };
  assert.deepEqual(await askAlone(withEtc(lab, ["resolv.conf"]), tasks), [late, late]);
});
