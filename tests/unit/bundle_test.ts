/** What the build refuses of a bundle. */

import assert from "node:assert/strict";
import { checkUsings } from "../../scripts/bundle.ts";

const READABLE = "function a() {\n  using lock = take();\n  await using file = await open();\n}";

Deno.test("a bundle that keeps every using is taken, one that lost some is not", () => {
  checkUsings(READABLE, "function a(){using x=t();await using $y=await o()}");
  checkUsings("no such thing", "no(such,thing)");
  assert.throws(
    () => checkUsings(READABLE, "function a(){using x=t();o()}"),
    /^Error: of 2 declarations with "using" \(lock, file\) the bundle has kept 1: /,
  );
});
