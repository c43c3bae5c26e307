import assert from "node:assert/strict";
import { findAccount } from "../../src/sys/accounts.ts";

Deno.test("users and groups are found by names and by numbers, and what is neither is not", () => {
  const root = { uid: 0, gid: 0 };
  for (const user of ["root", "0", "root:root", "root:0", "0:root", "0:0"]) {
    assert.deepEqual(findAccount(user), root, user);
  }
  const daemon = findAccount("daemon");
  assert.ok(daemon && daemon.uid > 0);
  assert.deepEqual(findAccount("root:daemon"), { uid: 0, gid: daemon.gid });
  // Numbers need no names.
  assert.deepEqual(findAccount("3999999999:7"), { uid: 3_999_999_999, gid: 7 });
  for (
    const user of ["", ":", "root:", ":root", "nobody-has-this", "root:nobody-has-this", "0:0:0"]
  ) {
    assert.equal(findAccount(user), undefined, JSON.stringify(user));
  }
});
