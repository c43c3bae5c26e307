import assert from "node:assert/strict";
import { errnoMeaning, errnoName, errnoNumber } from "../../src/sys/errno.ts";

// Numbers of include/uapi/asm-generic/errno*.h at both ends and where the two files meet.
const KNOWN: readonly [number, string][] = [
  [1, "EPERM"],
  [2, "ENOENT"],
  [3, "ESRCH"],
  [11, "EAGAIN"],
  [16, "EBUSY"],
  [17, "EEXIST"],
  [22, "EINVAL"],
  [34, "ERANGE"],
  [35, "EDEADLK"],
  [92, "ENOPROTOOPT"],
  [95, "EOPNOTSUPP"],
  [97, "EAFNOSUPPORT"],
  [105, "ENOBUFS"],
  [110, "ETIMEDOUT"],
];

for (const [number, name] of KNOWN) {
  Deno.test(`errno ${number} is ${name}`, () => {
    assert.equal(errnoName(number), name);
    assert.equal(errnoNumber(name), number);
    assert.notEqual(errnoMeaning(number), `error ${number}`);
  });
}

Deno.test("an errno of a subsystem's own has its number as name, and the way back", () => {
  assert.equal(errnoName(4097), "E4097");
  assert.equal(errnoNumber("E4097"), 4097);
  assert.equal(errnoMeaning(4097), "error 4097");
});

Deno.test("errnoNumber() does not know what is no errno", () => {
  assert.equal(errnoNumber("ENOSUCHNAME"), undefined);
});
