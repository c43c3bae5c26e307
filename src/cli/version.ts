import { type Command, Option } from "@commander-js/extra-typings";
import { buildInfo } from "../build_info.ts";
import type { CliContext } from "./program.ts";

const BASES: Readonly<Record<string, string>> = {
  packed: "packed (the Deno runtime with the program in one file)",
  compile: "deno compile",
  source: "none (run from source)",
};

export function addVersion(program: Command, context: CliContext): void {
  program.command("version")
    .description("say what this is: version, commit, Deno and how it was built")
    .addOption(
      new Option("-o, --output <format>", "how to say it").choices(["text", "json"]).default(
        "text",
      ),
    )
    .action(({ output }) => {
      const { version, commit, base } = buildInfo();
      const deno = Deno.version.deno;
      context.output.out(
        output === "json"
          ? `${JSON.stringify({ version, commit, deno, base })}\n`
          : `lvscare ${version}\ncommit  ${commit}\ndeno    ${deno}\nbuild   ${
            BASES[base] ?? base
          }\n`,
      );
    });
}
