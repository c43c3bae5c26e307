/** docs/reference.md is what the program says. */

import assert from "node:assert/strict";
import { printReference, REFERENCE } from "../../scripts/reference.ts";
import { CARE_FLAGS, careVariable } from "../../src/config/care_flags.ts";
import { fileSchema } from "../../src/config/files/fields.ts";

const FILE = new URL(`../../${REFERENCE}`, import.meta.url);

Deno.test("docs/reference.md is what the program says now (scripts/reference writes it anew)", async () => {
  assert.equal(Deno.readTextFileSync(FILE), await printReference());
});

Deno.test("the reference has every command of the program, flag, variable and key of the files", async () => {
  const text = await printReference();
  const commands = [...text.matchAll(/^### lvscare (.+)$/gm)].map(([, words]) => words!);
  const root = /### lvscare\n\n```text\n([\s\S]*?)```/.exec(text)![1]!;
  const listed = [...root.matchAll(/^ {2}([a-z]+)(?: [[<].*?)? {2,}\S/gm)].map(([, name]) => name!);
  assert.ok(listed.length >= 15, `found ${listed}`);
  assert.deepEqual(listed, commands.filter((words) => !words.includes(" ")));
  for (const { name } of CARE_FLAGS) {
    assert.match(text, new RegExp(`^ +(?:-., )?--${name}\\b`, "m"));
    assert.ok(text.includes(`| \`${careVariable(name)}\` | \`--${name}\` |`), name);
  }
  const keys = new Set<string>();
  const look = (schema: unknown) => {
    const { properties, oneOf, items } = schema as Record<string, unknown>;
    for (const [key, value] of Object.entries(properties ?? {})) {
      keys.add(key);
      look(value);
    }
    for (const each of (oneOf ?? []) as unknown[]) look(each);
    if (items) look(items);
  };
  look(fileSchema());
  assert.ok(keys.size > 100, `found ${keys.size}`);
  for (const key of keys) assert.ok(text.includes(`\n| \`${key}\` | `), key);
});
