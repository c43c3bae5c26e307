import assert from "node:assert/strict";
import { importsOf, judgeImport } from "../../scripts/check_imports.ts";

Deno.test("judgeImport() refuses what runs against the arrows", () => {
  const refused: [string, string][] = [
    ["src/model/address.ts", "src/errors.ts"],
    ["src/wire/message.ts", "src/sys/errno.ts"],
    ["src/plan/plan.ts", "src/kernel/ipvs_table.ts"],
    ["src/desired/desired.ts", "src/care/loop.ts"],
    ["src/health/probes/http.ts", "src/kernel/select.ts"],
    ["src/care/loop.ts", "src/kernel/netlink/ipvs_table.ts"],
    ["src/kernel/netlink/links.ts", "src/kernel/command/links.ts"],
    ["main.ts", "scripts/build.ts"],
    ["src/cli/program.ts", "tests/support/fake.ts"],
  ];
  for (const [file, target] of refused) {
    assert.ok(judgeImport(file, target), `${file} -> ${target}`);
  }
});

Deno.test("judgeImport() allows what runs with them", () => {
  const allowed: [string, string][] = [
    ["src/model/endpoint.ts", "src/model/address.ts"],
    ["src/wire/ipvs.ts", "src/model/ipvs.ts"],
    ["src/sys/netlink_socket.ts", "src/wire/message.ts"],
    ["src/kernel/select.ts", "src/kernel/command/links.ts"],
    ["src/kernel/netlink/links.ts", "src/kernel/netlink/shared.ts"],
    ["tests/unit/a_test.ts", "src/kernel/memory/ipvs_table.ts"],
    ["main.ts", "src/cli/program.ts"],
  ];
  for (const [file, target] of allowed) assert.equal(judgeImport(file, target), undefined, file);
});

Deno.test("importsOf() finds every way to import, and none in comments", () => {
  const text = `import "./a.ts";
import { x } from "./b.ts";
import type { Y } from "./c.ts";
import {
  z,
} from "./d.ts";
export { q } from "./e.ts";
const lazy = await import("./f.ts");
// import "./no.ts";
/** import "./never.ts" */
`;
  assert.deepEqual(importsOf(text), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts"]);
});
