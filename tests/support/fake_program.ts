/** The program on a kernel in memory, to measure all of it but the kernel. */

import type { CareGround } from "../../src/care/run.ts";
import { careHost, demoRunner, runHost } from "../../src/cli/care_host.ts";
import { processHost } from "../../src/cli/host.ts";
import { processOutput } from "../../src/cli/output.ts";
import { runCli } from "../../src/cli/program.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import { FakeDataplane, fakeGround } from "./fake_dataplane.ts";
import { NO_TOOLS } from "./run_host.ts";

function openGround(): Promise<CareGround> {
  const dataplane = new FakeDataplane();
  dataplane.parameters.set("net.ipv4.vs.conntrack", "0");
  // Nobody looks at what was done, and a soak does a lot.
  const apply = dataplane.apply.bind(dataplane);
  dataplane.apply = (steps) => {
    dataplane.applied.length = 0;
    return apply(steps);
  };
  return Promise.resolve(fakeGround(dataplane));
}

const openIpvsTable = () => Promise.resolve(new MemoryIpvsTable());
Deno.exit(
  await runCli(Deno.args, {
    output: processOutput,
    host: processHost({
      openIpvsTable,
      care: careHost(openGround),
      services: runHost(openGround, () => ({ list: () => Promise.resolve([]), close() {} })),
      ...NO_TOOLS,
      runDemo: demoRunner(openGround),
    }),
    debug: false,
  }),
);
