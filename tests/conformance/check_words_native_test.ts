/** The table of what checks say, by itself. */

import assert from "node:assert/strict";
import { CHECK_WORDS, renderCheckWords } from "../support/check_words.ts";

Deno.test("each situation of a kind of check has its words once", () => {
  const keys = CHECK_WORDS.map(({ kind, situation }) => `${kind}: ${situation}`);
  assert.ok(keys.length > 150);
  assert.deepEqual(keys.toSorted(), [...new Set(keys)].toSorted());
});

Deno.test("the rendered table has a row for all kinds that say the same of the same", () => {
  const [head, line, ...rows] = renderCheckWords().trimEnd().split("\n");
  assert.equal(head, "| type | what is found | words | counts as |");
  assert.equal(line, "| --- | --- | --- | --- |");
  for (const row of rows) assert.equal(row.match(/(?<!\\)\|/g)?.length, 5, row);
  const kinds = rows.flatMap((row) => row.split(" | ")[0]!.slice(2).split(", "));
  assert.equal(kinds.length, CHECK_WORDS.length);
  const refused = rows.filter((row) => row.includes("`connection refused`"));
  const [first] = refused;
  assert.equal(
    first,
    "| http, tcp, tls, smtp, grpc, dns, udp | nobody listens on the port | `connection refused` | failed |",
  );
});
