/** The program on a kernel in memory, to measure all of it but the kernel. */

import type { CareGround } from "../../src/care/run.ts";
import { careHost } from "../../src/cli/care_host.ts";
import { processHost } from "../../src/cli/host.ts";
import { processOutput } from "../../src/cli/output.ts";
import { runCli } from "../../src/cli/program.ts";
import { FakeIpvsTable } from "../../src/kernel/fake/ipvs_table.ts";
import { FakeDataplane } from "./fake_dataplane.ts";

function openGround(): Promise<CareGround> {
  const dataplane = new FakeDataplane();
  dataplane.parameters.set("net.ipv4.vs.conntrack", "0");
  const ready = () => Promise.resolve();
  return Promise.resolve({ dataplane, rules: "iptables", choice: "all in memory", ready });
}

const openIpvsTable = () => Promise.resolve(new FakeIpvsTable());
Deno.exit(
  await runCli(Deno.args, {
    output: processOutput,
    host: processHost({ openIpvsTable, care: careHost(openGround) }),
    debug: false,
  }),
);
