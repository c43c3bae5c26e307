/**
 * The whole program as one JavaScript module, without Node's built-in modules: each that is imported at start
 * costs some 5 ms, and together they need /proc, which a chroot may lack. What commander imports of them gets
 * the stand-ins of stand_ins/.
 */

import { runProgram } from "./run_program.ts";

const STAND_INS: Readonly<Record<string, string>> = {
  "node:child_process": "nothing.ts",
  "node:events": "node_events.ts",
  "node:fs": "nothing.ts",
  "node:path": "nothing.ts",
  "node:process": "node_process.ts",
  "node:util": "node_util.ts",
};

/**
 * Bundles a program and gives its text: a module that evaluates the program as one string. Deno parses each
 * module to find what it imports, and of this one there is nothing to parse: that halves the start.
 * `scratch` is a folder for what comes in between.
 */
export async function bundle(root: string, entry: string, scratch: string): Promise<string> {
  const first = `${scratch}/first.js`;
  await denoBundle(root, entry, first);
  await Deno.writeTextFile(first, replaceBuiltins(await Deno.readTextFile(first), root));
  const second = `${scratch}/second.js`;
  await denoBundle(root, first, second);
  return asScript(await Deno.readTextFile(second));
}

/** A module that imports and exports nothing is, in a function, a script. */
function asScript(module: string): string {
  return `(0,eval)(${JSON.stringify(`"use strict";(async()=>{${module}\n})()`)});\n`;
}

async function denoBundle(root: string, entry: string, output: string): Promise<void> {
  const flags = ["--quiet", "--minify", "--platform", "deno", "--external", "node:*"];
  await runProgram(Deno.execPath(), ["bundle", ...flags, "-o", output, entry], { cwd: root });
}

/** Points every import of a built-in that is evaluated at start to its stand-in. */
export function replaceBuiltins(source: string, root: string): string {
  return source.replace(/\b(from|import)\s*"(node:[^"]+)"/g, (_text, keyword, name) => {
    const file = STAND_INS[name];
    if (file === undefined) {
      throw new Error(
        `the program imports ${name} at start, which costs time: import it where it is used`,
      );
    }
    return `${keyword} ${JSON.stringify(`${root}scripts/stand_ins/${file}`)}`;
  });
}
