/** What checks of type icmp say of hosts: the kernel itself is the one that answers. */

import assert from "node:assert/strict";
import { testNetwork } from "../support/check_hardships.ts";
import { askAlone, POWERLESS } from "../support/check_alone.ts";
import { ask, FAMILIES, labTest, OK, SILENCE } from "../support/check_lab.ts";
import { checkOf, impatient } from "../support/check_requests.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const CHECK = checkOf("icmp");

testNetwork({ name: "icmp", check: CHECK });

/** Who may ping without being root; a new network allows it to nobody. */
function permit(groups: "nobody" | "everybody"): void {
  const range = groups === "nobody" ? "1 0" : "0 2147483647";
  Deno.writeTextFileSync("/proc/sys/net/ipv4/ping_group_range", range);
}

const SOCKETS = [["nobody", "raw"], ["everybody", "ping"]] as const;

for (const [groups, socket] of SOCKETS) {
  labTest(
    `icmp is good where a host answers, over a ${socket} socket, whatever the size`,
    async () => {
      permit(groups);
      for (const { one, loopback } of FAMILIES) {
        for (const address of [one, loopback]) {
          for (const size of [0, 56, 1473, 65_000]) {
            const steps: string[] = [];
            const trace = (text: string) => void steps.push(text);
            const target = { address, port: 0 };
            assert.deepEqual(await ask({ ...CHECK, size }, target, { trace }), OK);
            assert.deepEqual(steps, [
              `echo request of ${Math.max(size, 8)} bytes, ${socket} socket`,
              "echo reply",
            ]);
          }
        }
      }
    },
  );

  labTest(`icmp over a ${socket} socket takes no other's answer for its own`, async (lab) => {
    permit(groups);
    // The one address answers, the other does not.
    await lab.nft(`chain input { type filter hook input priority 0
      ip daddr 10.77.0.2 icmp type echo-request drop
      ip6 daddr fd77::2 icmpv6 type echo-request drop
    }`);
    await Promise.all(FAMILIES.map(async ({ one, other }) => {
      const late = bad("icmp", "what is sent is lost", { timeout: SILENCE });
      const results = await Promise.all([
        ask(impatient(CHECK), { address: other, port: 0 }),
        ...Array.from({ length: 20 }, () => ask(CHECK, { address: one, port: 0 })),
        ask(impatient(CHECK), { address: other, port: 0 }),
      ]);
      assert.deepEqual(results, [late, ...Array(20).fill(OK), late]);
    }));
  });
}

labTest(titleOf("icmp", "icmp", "pings are not permitted"), async () => {
  permit("nobody");
  const tasks = FAMILIES.map(({ one: address }) => ({
    check: CHECK,
    target: { address, port: 0 },
  }));
  const expected = bad("icmp", "pings are not permitted");
  assert.deepEqual(await askAlone(POWERLESS, tasks), [expected, expected]);
});

labTest(
  "icmp needs no power where everybody may ping, and says what its source lacks",
  async () => {
    permit("everybody");
    const tasks = FAMILIES.flatMap(({ one, foreign }) => {
      const target = { address: one, port: 0 };
      return [
        { check: CHECK, target },
        { check: { ...CHECK, source: { address: foreign } }, target },
      ];
    });
    const expected = FAMILIES.flatMap(({ foreign }) => [
      OK,
      bad("icmp", "the source is no address of this host", { source: foreign }),
    ]);
    assert.deepEqual(await askAlone(POWERLESS, tasks), expected);
  },
);

Deno.test("icmp has said all of its words", () => assert.deepEqual(unheard("icmp"), []));
