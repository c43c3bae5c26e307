/** YAML as a configuration may have it, with the place of each part. */

import assert from "node:assert/strict";
import { parseYaml, placeOf, type YamlNode } from "../../src/config/yaml.ts";
import { ConfigError } from "../../src/errors.ts";

/** Plain values out of a tree. */
function valueOf(node: YamlNode | undefined): unknown {
  switch (node?.kind) {
    case undefined:
      return undefined;
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(valueOf);
    case "map":
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, valueOf(value)]));
  }
}

function parse(text: string): unknown {
  return valueOf(parseYaml(text, "f.yaml"));
}

function refusal(text: string): string {
  try {
    parseYaml(text, "f.yaml");
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    const { file, line, column } = error.position;
    assert.ok(error.message.startsWith(`${file}:${line}:${column}: `), error.message);
    return error.message;
  }
  throw new Error(`it is understood: ${text.slice(0, 80)}`);
}

Deno.test("parseYaml() reads what configurations are made of", () => {
  const text = `# who
services:
  - name: web # comment
    address: 10.0.0.1:80
    weights: [1, 2, 0x10, -3, 1.5]
    quoted: "10"
    single: 'it''s'
    on: true
    none: ~
    empty:
    text: |
      two
      lines
  - {name: api, port: 6443}
`;
  assert.deepEqual(parse(text), {
    services: [
      {
        ...{ name: "web", address: "10.0.0.1:80", weights: [1, 2, 16, -3, 1.5], quoted: "10" },
        ...{ single: "it's", on: true, none: null, empty: null, text: "two\nlines\n" },
      },
      { name: "api", port: 6443 },
    ],
  });
});

Deno.test("words stay words where YAML of old made other things of them", () => {
  assert.deepEqual(parse("[yes, no, on, off, 0777, 1_000, 12:30:45, 2001-01-01, 1.2.3.4, .inf]"), [
    ...["yes", "no", "on", "off", 777, "1_000", "12:30:45", "2001-01-01", "1.2.3.4", ".inf"],
  ]);
});

Deno.test("a text without a document is nothing", () => {
  for (const text of ["", "# only a comment\n", "---\n"]) {
    assert.ok([undefined, null].includes(parse(text) as undefined), JSON.stringify(text));
  }
});

Deno.test("an alias is what its anchor is, at its own place", () => {
  const text = "a: &one {x: 1}\nb: *one\nc: [*one, *one]\n";
  assert.deepEqual(parse(text), { a: { x: 1 }, b: { x: 1 }, c: [{ x: 1 }, { x: 1 }] });
  const root = parseYaml(text, "f.yaml");
  assert.ok(root?.kind === "map");
  assert.deepEqual(placeOf(text, root.entries[1]!.value.at), { line: 2, column: 4 });
});

Deno.test("each part knows its line and column, characters counted as people do", () => {
  const text = "a:\n  - \"ü😀\": 'q'\n    b: [x, y]\n";
  const root = parseYaml(text, "f.yaml");
  assert.ok(root?.kind === "map");
  const [a] = root.entries;
  assert.ok(a?.value.kind === "list");
  const [item] = a.value.items;
  assert.ok(item?.kind === "map");
  const places = item.entries.flatMap((
    { at, value },
  ) => [placeOf(text, at), placeOf(text, value.at)]);
  assert.deepEqual(places, [
    ...[{ line: 2, column: 5 }, { line: 2, column: 11 }],
    ...[{ line: 3, column: 5 }, { line: 3, column: 8 }],
  ]);
});

const REFUSED: readonly (readonly [text: string, said: RegExp])[] = [
  ["a: [1,\n", /^f\.yaml:2:1: deficient indentation$/],
  ["a: b: c\n", /^f\.yaml:1:5: bad indentation/],
  ["a: 1\n b: 2\n", /^f\.yaml:2:3: bad indentation/],
  ["a: 1\nb: 2\na: 3\n", /^f\.yaml:3:1: "a" stands at 1:1 already$/],
  ["x:\n  {k: 1, k: 2}\n", /^f\.yaml:2:10: "k" stands at 2:4 already$/],
  ["a: *nobody\n", /^f\.yaml:1:4: no anchor "&nobody" stands before this$/],
  ["a: !!binary aGk=\n", /^f\.yaml:1:4: tags such as "!!binary" mean nothing here$/],
  ["a: !js/function >\n  x\n", /tags such as/],
  ["? [1, 2]\n: x\n", /^f\.yaml:1:3: must be a word: it is a key$/],
  ["---\na: 1\n---\nb: 2\n", /^f\.yaml:4:1: must be one document, not several$/],
  ["\0", /^f\.yaml:1:1: /],
  ["%YAML 3.0\n---\na: 1\n", /version/],
  ["- ".repeat(60) + "x", /^f\.yaml:1:101: nests more than 50 deep$/],
];

Deno.test("what cannot be understood is refused at its place", () => {
  for (const [text, said] of REFUSED) assert.match(refusal(text), said, JSON.stringify(text));
});

Deno.test("anchors that stand for billions, or nest a million deep, are refused in no time", () => {
  let billions = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (let i = 1; i < 12; i++) {
    const aliases = Array(10).fill(`*a${i - 1}`).join(", ");
    billions += `a${i}: &a${i} [${aliases}]\n`;
  }
  assert.match(refusal(billions), /^f\.yaml:7:9: stands for more than 5000000 values$/);
  const lines = ["a0: &a0 [x]"];
  for (let i = 1; i < 1_000_000; i++) lines.push(`a${i}: &a${i} [*a${i - 1}]`);
  assert.match(refusal(lines.join("\n")), /^f\.yaml:51:\d+: nests more than 50 deep$/);
});
