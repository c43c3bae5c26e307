/**
 * How long a start takes, side by side: dist/lvscare against `deno run` of the same bundle, and the first
 * start of a file that was just copied.
 */

import { bundle } from "../../scripts/bundle.ts";
import { PERMISSION_FLAGS } from "../../scripts/permissions.ts";
import { withFolder } from "../support/process.ts";
import { median, printTable } from "./report.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const ROUNDS = Number(Deno.args[0] ?? 15);

await withFolder(async (folder) => {
  const script = `${folder}/lvscare.js`;
  await Deno.writeTextFile(script, await bundle(ROOT, `${ROOT}main.ts`, folder));
  await elapsed([`${ROOT}scripts/lvscare`, "version"]);
  const denoRun = [Deno.execPath(), "run", "--no-config", ...PERMISSION_FLAGS, script, "version"];
  const packed = [`${ROOT}dist/lvscare`, "version"];
  const times: Record<string, number[]> = {
    "deno run": [],
    lvscare: [],
    "lvscare, first start": [],
  };
  // Taking turns, so that a busy machine is as busy for all of them.
  for (let round = 0; round < ROUNDS; round++) {
    times["deno run"]!.push(await elapsed(denoRun));
    times["lvscare"]!.push(await elapsed(packed));
    const copy = `${folder}/copy-${round}`;
    await Deno.copyFile(packed[0]!, copy);
    times["lvscare, first start"]!.push(await elapsed([copy, "version"]));
    await Deno.remove(copy);
  }
  const base = median(times["deno run"]!);
  printTable(["start of", "median ms", "least ms", "more than deno run"], [
    ...Object.entries(times).map(([name, values]) => [
      name,
      median(values).toFixed(1),
      Math.min(...values).toFixed(1),
      `${(median(values) - base).toFixed(1)} ms`,
    ]),
  ]);
});

async function elapsed(argv: readonly string[]): Promise<number> {
  const started = performance.now();
  const [program = "", ...args] = argv;
  const { success } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${argv.join(" ")} failed`);
  return performance.now() - started;
}
