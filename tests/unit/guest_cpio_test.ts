import assert from "node:assert/strict";
import { writeCpio } from "../../scripts/vm/cpio.ts";

Deno.test("writeCpio() writes newc headers, and pads names and data to four bytes", () => {
  const archive = writeCpio([
    { name: "bin", mode: 0o040755 },
    { name: "bin/hi", mode: 0o100755, data: new TextEncoder().encode("hello") },
  ]);
  const number = (value: number) => value.toString(16).padStart(8, "0");
  const header = (inode: number, mode: number, size: number, nameSize: number) =>
    `070701${[inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, nameSize, 0].map(number).join("")}`;
  const expected = [
    header(1, 0o040755, 0, 4) + "bin\0\0\0",
    header(2, 0o100755, 5, 7) + "bin/hi\0\0\0\0" + "hello\0\0\0",
    header(3, 0, 0, 11) + "TRAILER!!!\0\0\0\0",
  ];
  // 110 bytes of header: a name is padded together with it.
  assert.equal(expected[0]?.length, 116);
  assert.equal(new TextDecoder().decode(archive), expected.join(""));
});
