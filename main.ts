import type { CareWorld } from "./src/care/run.ts";
import { openGround } from "./src/care/ground.ts";
import {
  careHost,
  demoRunner,
  doctorHost,
  installHost,
  probeHost,
  runHost,
} from "./src/cli/care_host.ts";
import { processHost } from "./src/cli/host.ts";
import { runCli } from "./src/cli/program.ts";
import { processOutput } from "./src/cli/output.ts";
import { reportError } from "./src/cli/report.ts";
import { systemClock } from "./src/clock.ts";
import { ProcessRunner } from "./src/kernel/command/runner.ts";
import { ProcModules } from "./src/kernel/proc_modules.ts";
import { ProcSysctl } from "./src/kernel/proc_sysctl.ts";
import { openIpvsTable as openTable, openLinks, parseTransport } from "./src/kernel/select.ts";
import type { Backend } from "./src/config/care.ts";
import type { IpvsTable } from "./src/kernel/ipvs_table.ts";

// deno-lint-ignore require-await -- so that what it throws is a rejection
async function openIpvsTable(backend?: Backend): Promise<IpvsTable> {
  return openTable({ backend, transport: transport() }, new ProcModules());
}

const ground: CareWorld["openGround"] = (request, warn) =>
  openGround(request, {
    transport: transport(),
    modules: new ProcModules(),
    sysctl: new ProcSysctl(),
    clock: systemClock,
  }, warn);

function transport() {
  return parseTransport(Deno.env.get("LVSCARE_NETLINK"));
}

const debug = Deno.env.get("LVSCARE_DEBUG") === "1";

function die(event: ErrorEvent | PromiseRejectionEvent): void {
  event.preventDefault();
  const error = event instanceof ErrorEvent ? event.error : event.reason;
  Deno.exit(reportError(error, processOutput, debug));
}
addEventListener("error", die);
addEventListener("unhandledrejection", die);

// A terminal that does not know its width says 0.
const columns = (Deno.stdout.isTerminal() && Deno.consoleSize().columns) || undefined;
Deno.exit(
  await runCli(Deno.args, {
    output: processOutput,
    host: processHost({
      openIpvsTable,
      care: careHost(ground),
      services: runHost(ground, () => openLinks(transport())),
      prober: probeHost(),
      doctor: doctorHost({
        clock: systemClock,
        modules: new ProcModules(),
        sysctl: new ProcSysctl(),
        openLinks: () => openLinks(transport()),
        openTable: (modules) => openTable({ backend: undefined, transport: transport() }, modules),
        run: async (argv) => (await new ProcessRunner().run(argv)).stdout,
      }),
      // A unit may take as long to start as systemd lets it: 90 seconds.
      installer: installHost(async (argv) =>
        (await new ProcessRunner().run(argv, { timeoutMs: 120_000 })).stdout
      ),
      runDemo: demoRunner(ground),
    }),
    debug,
    columns,
  }),
);
