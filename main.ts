import { runCli } from "./src/cli/program.ts";
import { processOutput } from "./src/cli/output.ts";
import { reportError } from "./src/cli/report.ts";

const debug = Deno.env.get("LVSCARE_DEBUG") === "1";

function die(event: ErrorEvent | PromiseRejectionEvent): void {
  event.preventDefault();
  const error = event instanceof ErrorEvent ? event.error : event.reason;
  Deno.exit(reportError(error, processOutput, debug));
}
addEventListener("error", die);
addEventListener("unhandledrejection", die);

const columns = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined;
Deno.exit(await runCli(Deno.args, { output: processOutput, debug, columns }));
