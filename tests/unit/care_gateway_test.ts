import assert from "node:assert/strict";
import { type CareWorld, runCare } from "../support/care_command.ts";

const V4 = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80"];
const V6 = ["--vs", "[fd00::1]:80", "--rs", "[fd00::2]:80"];
const WARNING = "running routeMode and Target IP is not valid IP, skipping";
const HOSTS = `# made by hand
127.0.0.1 localhost
fd00::7\tnode7 LVSCARE.node.ip\t# this one
192.168.0.7   node7\tlvscare.node.ip
192.168.0.8 lvscare.node.ip
`;

interface Case extends CareWorld {
  readonly words: readonly string[];
  readonly gateway?: string;
  readonly notes?: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "of --ip before all else": {
    words: [...V4, "--ip=192.168.0.1"],
    env: { CARE_IP: "192.168.0.2", LVSCARE_NODE_IP: "192.168.0.3" },
    hosts: HOSTS,
    gateway: "192.168.0.1",
  },
  "of CARE_IP before LVSCARE_NODE_IP": {
    words: V4,
    env: { CARE_IP: "192.168.0.2", LVSCARE_NODE_IP: "192.168.0.3" },
    hosts: HOSTS,
    gateway: "192.168.0.2",
  },
  "of LVSCARE_NODE_IP before the hosts file": {
    words: V4,
    env: { LVSCARE_NODE_IP: "192.168.0.3" },
    hosts: HOSTS,
    gateway: "192.168.0.3",
  },
  "of LVSCARE_NODE_IP where --ip is empty": {
    words: [...V4, "--ip="],
    env: { LVSCARE_NODE_IP: "192.168.0.3" },
    gateway: "192.168.0.3",
  },
  "of the hosts file, of the right family": { words: V4, hosts: HOSTS, gateway: "192.168.0.7" },
  "of the hosts file, IPv6": { words: V6, hosts: HOSTS, gateway: "fd00::7" },
  "none where the hosts file cannot be read": { words: V4, notes: [WARNING] },
  "none where the hosts file has another family only": {
    words: V4,
    hosts: "fd00::7 lvscare.node.ip",
    notes: [WARNING],
  },
  "none where the hosts file has nonsense only": {
    words: V4,
    hosts: "0.0.0.0 lvscare.node.ip\nnode lvscare.node.ip\n10.0.0.1 lvscare.node.ip",
    notes: [WARNING],
  },
  "none where --ip is no address": {
    words: [...V4, "--ip=node7"],
    hosts: HOSTS,
    notes: [WARNING],
  },
  "none where LVSCARE_NODE_IP is no address": {
    words: V4,
    env: { LVSCARE_NODE_IP: "node7" },
    hosts: HOSTS,
    notes: [WARNING],
  },
  "none where --ip is of the other family": {
    words: [...V4, "--ip=fd00::7"],
    notes: [`${WARNING}: --ip "fd00::7" is IPv6, must be IPv4 as the virtual server is`],
  },
  "none where a variable is of the other family": {
    words: V6,
    env: { LVSCARE_NODE_IP: "192.168.0.3" },
    notes: [
      `${WARNING}: LVSCARE_NODE_IP "192.168.0.3" is IPv4, must be IPv6 as the virtual server is`,
    ],
  },
  "none where --ip is the virtual server": {
    words: [...V4, "--ip=10.0.0.1"],
    notes: [
      `${WARNING}: --ip "10.0.0.1" is the virtual server's own address, must be one of this host`,
    ],
  },
  "none where CARE_IP is no host's address": {
    words: V4,
    env: { CARE_IP: "0.0.0.0" },
    notes: [
      `${WARNING}: CARE_IP "0.0.0.0" is the address of no host, must be the address of one host`,
    ],
  },
};

for (const [name, { words, gateway, notes = [], ...world }] of Object.entries(CASES)) {
  Deno.test(`route mode takes the gateway ${name}`, async () => {
    const outcome = await runCare(words, world);
    assert.equal(outcome.said, "");
    assert.deepEqual(outcome.config?.mode, { kind: "route", gateway });
    assert.deepEqual(outcome.notes, notes);
  });
}

Deno.test("the other modes need no gateway and say nothing of a wrong one", async () => {
  for (const mode of ["link", ""]) {
    const { config, notes } = await runCare([...V4, "--ip=node7", `--mode=${mode}`]);
    assert.equal(config?.mode.kind, mode === "" ? "none" : mode);
    assert.deepEqual(notes, []);
  }
});

Deno.test("a scheduler that looks like a slip is taken, and its likely meaning noted", async () => {
  const { config, notes } = await runCare([...V4, "--mode=", "--scheduler=wllc"]);
  assert.equal(config?.scheduler, "wllc");
  assert.deepEqual(notes, [
    '--scheduler "wllc" is a scheduler that only the kernel may know: did you mean wlc?',
  ]);
});

Deno.test("a word behind a switch is what LVScare takes it for: nothing, and that is noted", async () => {
  const { config, notes } = await runCare([...V4, "--mode=", "--run-once", "false"]);
  assert.equal(config?.runOnce, true);
  assert.deepEqual(notes, [
    'ignored "false": what a switch is set to stands after "=", as in --run-once=false',
  ]);
});
