import type { Command } from "@commander-js/extra-typings";
import type { Backend } from "../config/care.ts";
import { UsageError } from "../errors.ts";
import { runIpvs } from "./ipvs/command.ts";
import type { CliContext } from "./program.ts";

/** `lvscare ipvs` has a language of its own, ipvsadm's; commander only hands it over. */
export function addIpvs(program: Command, context: CliContext): void {
  program.command("ipvs")
    .description("show and change the kernel's table, as ipvsadm does")
    .argument("[args...]")
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args) => {
      const { backend, rest } = takeBackend(args);
      const { output, debug, host } = context;
      const confirm = host.confirm && { confirm: host.confirm };
      context.setStatus(
        await runIpvs(rest, {
          output,
          debug,
          table: () => host.openIpvsTable(backend),
          readStdin: host.readStdin,
          readTextFile: host.readTextFile,
          ...confirm,
        }),
      );
    });
}

/** `--backend netlink|command`, which may stand before all else. */
function takeBackend(args: readonly string[]): { backend?: Backend; rest: readonly string[] } {
  const [first, second] = args;
  const [, inline] = /^--backend(?:=(.*))?$/s.exec(first ?? "") ?? [];
  if (first === undefined || !first.startsWith("--backend")) return { rest: args };
  const value = inline ?? second;
  if (value !== "netlink" && value !== "command") {
    throw new UsageError(`--backend "${value ?? ""}": must be netlink or command`);
  }
  return { backend: value, rest: args.slice(inline === undefined ? 2 : 1) };
}
