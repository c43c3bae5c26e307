/** `lvscare demo`: see it work, on any host. */

import type { Command } from "@commander-js/extra-typings";
import type { DemoOptions } from "../demo/demo.ts";
import type { CliContext } from "./program.ts";

export function addDemo(program: Command, { host, setStatus }: CliContext): void {
  program.command("demo")
    .description("show it at work: three servers, one stops and comes back, no request fails")
    .option("--keep", "stay when the story is over, to try by hand", false)
    .option("--kernel", "use IPVS in the kernel, as root, instead of the embedded proxy", false)
    .action(async ({ keep, kernel }: DemoOptions) =>
      setStatus(await host.runDemo({ keep, kernel }))
    );
}
