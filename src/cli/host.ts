/** The process's own input, files and terminal. */

import { SyscallError } from "../errors.ts";
import { readKernelFile } from "../sys/kernel_file.ts";
import type { CliHost } from "./program.ts";

export function processHost(
  kernel: Omit<CliHost, "readStdin" | "readTextFile" | "confirm">,
): CliHost {
  return {
    ...kernel,
    readStdin: () => new Response(Deno.stdin.readable).text(),
    readTextFile: readAnyFile,
    confirm: Deno.stdin.isTerminal() ? confirm : undefined,
  };
}

/** Only a "y" or "yes" is one. */
async function confirm(question: string): Promise<boolean> {
  await Deno.stderr.write(new TextEncoder().encode(`${question} [y/N] `));
  const answer = new Uint8Array(64);
  const length = await Deno.stdin.read(answer) ?? 0;
  return /^y(es)?\s*$/i.test(new TextDecoder().decode(answer.subarray(0, length)));
}

// deno-lint-ignore require-await -- so that what it throws is a rejection
async function readAnyFile(path: string): Promise<string> {
  if (!/^\/(proc|sys)\//.test(path)) return Deno.readTextFile(path);
  try {
    return readKernelFile(path);
  } catch (err) {
    if (err instanceof SyscallError && err.is("ENOENT")) {
      throw new Deno.errors.NotFound(err.message);
    }
    throw err;
  }
}
