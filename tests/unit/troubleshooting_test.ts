/** docs/troubleshooting.md says what doctor and the log say. */

import assert from "node:assert/strict";
import { readPage } from "../support/pages.ts";
import { findingsOf, renderTroubles, TROUBLES } from "../support/troubles.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PAGE = "docs/troubleshooting.md";
const BEGIN =
  "<!-- made from tests/support/troubles.ts: LVSCARE_UPDATE_GOLDEN=1 scripts/test unit -- troubleshooting -->\n\n";
const END = "\n<!-- deno-fmt-ignore-end -->\n";

Deno.test("the troubles of the page are those that doctor finds, in its words", async () => {
  const text = readPage(PAGE);
  const [before, rest = ""] = text.split(BEGIN);
  const at = rest.indexOf(END.trimStart());
  assert.ok(rest !== "" && at >= 0, "the page has no place for them");
  const made = await renderTroubles();
  if (Deno.env.get("LVSCARE_UPDATE_GOLDEN") === "1") {
    Deno.writeTextFileSync(ROOT + PAGE, `${before}${BEGIN}${made}\n${rest.slice(at)}`);
  }
  assert.equal(readPage(PAGE), `${before}${BEGIN}${made}\n${rest.slice(at)}`);
});

function* sources(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(ROOT + folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield Deno.readTextFileSync(ROOT + path);
  }
}

Deno.test("each thing that doctor can find wrong stands in the page", async () => {
  const ids = new Set<string>();
  for (const text of sources("src/doctor")) {
    const found = text.matchAll(/\bid(?::| =) "([\w-]+)"|mustBeOne\(facts, "([\w-]+)"/g);
    for (const [, one, other] of found) ids.add((one ?? other)!);
  }
  assert.ok(ids.size >= 20, `found ${[...ids]}`);
  // What is configured is no trouble; what is said of it are the notes of its flags.
  ids.delete("configuration");
  const examples = TROUBLES.flatMap(({ examples = [] }) => examples);
  const told = await Promise.all(examples.map(findingsOf));
  assert.deepEqual(
    [...new Set(told.flat().map(({ id }) => id))].sort(),
    [...ids].sort(),
  );
});

Deno.test("each line of the log in the page stands in the source", () => {
  // Texts that go on in the next line are put together, and what differs each time is a gap.
  const text = [...sources("src")].join("\n")
    .replace(/["`]\s*\+\s*["`]/g, "")
    .replace(/\$\{[^{}]*\}/g, "{}")
    .replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, "{}");
  const lines = TROUBLES.flatMap(({ log = [] }) => log);
  assert.ok(lines.length > 15);
  for (const line of lines) {
    const pieces = line.split(/\{\w+\}|, or balance|modprobe ip_vs|\bip_vs\b|[():]|weight \d -> \d/)
      .map((piece) => piece.trim()).filter((piece) => piece.length > 3);
    assert.ok(pieces.some((piece) => piece.length >= 10), line);
    for (const piece of pieces) assert.ok(text.includes(piece), `"${piece}" of: ${line}`);
  }
});
