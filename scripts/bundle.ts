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
  return asModule(await bundleScript(root, entry, scratch));
}

export function asModule(script: string): string {
  return `(0,eval)(${JSON.stringify(script)});\n`;
}

/** The program as a script, to be evaluated as it is; first what the prefix does, a statement. */
export async function bundleScript(
  root: string,
  entry: string,
  scratch: string,
  prefix = "",
): Promise<string> {
  const first = `${scratch}/first.js`;
  await denoBundle(root, entry, first);
  const readable = await Deno.readTextFile(first);
  await Deno.writeTextFile(first, replaceBuiltins(readable, root));
  const second = `${scratch}/second.js`;
  await denoBundle(root, first, second, ["--minify"]);
  const minified = await Deno.readTextFile(second);
  checkUsings(readable, minified);
  // A module that imports and exports nothing is, in a function, a script.
  return `"use strict";${prefix}(async()=>{${minified}\n})()`;
}

/**
 * The minifier puts a value that is used once where it is used, also one that was declared with "using": then
 * nobody disposes of it.
 */
export function checkUsings(readable: string, minified: string): void {
  const before = [...readable.matchAll(/^\s*(?:await )?using (\w+) =/gm)].map((match) => match[1]);
  const after = minified.match(/\busing [\w$]+=/g) ?? [];
  if (after.length === before.length) return;
  throw new Error(
    `of ${before.length} declarations with "using" (${before.join(", ")}) the bundle has kept ` +
      `${after.length}: use the value of each more than once`,
  );
}

async function denoBundle(
  root: string,
  entry: string,
  output: string,
  more: readonly string[] = [],
): Promise<void> {
  const flags = ["--quiet", ...more, "--platform", "deno", "--external", "node:*"];
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
