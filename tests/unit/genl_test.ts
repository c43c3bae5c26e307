import assert from "node:assert/strict";
import { WireError } from "../../src/errors.ts";
import { Writer } from "../../src/wire/buffer.ts";
import { decodeFamily, genlCommand, getFamilyRequest } from "../../src/wire/genl.ts";
import { NLM_F_REQUEST, splitMessages, writeMessage } from "../../src/wire/message.ts";
import { hex, toHex } from "../support/bytes.ts";

const ANSWER = `
  6c000000 1000 0000 01000000 02000000  # nlmsghdr
  01 02 0000                            # CTRL_CMD_NEWFAMILY
  0900 0200 49505653 00000000           # CTRL_ATTR_FAMILY_NAME "IPVS"
  0600 0100 25000000                    # CTRL_ATTR_FAMILY_ID 37
  0800 0300 01000000                    # CTRL_ATTR_VERSION
  0800 0400 00000000                    # CTRL_ATTR_HDRSIZE, not in the table
  3400 0780                             # CTRL_ATTR_MCAST_GROUPS
    1800 0180 0800 0200 05000000 0a00 0100 6e6f6973 65000000  # 5 "noise"
    1800 0280 0800 0200 06000000 0a00 0100 71756965 74000000  # 6 "quiet"
`;

Deno.test("getFamilyRequest() asks the controller for a family by name", () => {
  const writer = new Writer();
  writeMessage(writer, getFamilyRequest("IPVS"), { flags: NLM_F_REQUEST, sequence: 1, port: 2 });
  assert.equal(
    toHex(writer.take()),
    toHex(hex(`
      20000000 1000 0100 01000000 02000000
      03 01 0000
      0900 0200 49505653 00000000
    `)),
  );
});

Deno.test("decodeFamily() reads number, version and multicast groups", () => {
  const [message] = splitMessages(hex(ANSWER));
  assert.equal(genlCommand(message!), 1);
  assert.deepEqual(decodeFamily(message!), {
    id: 37,
    name: "IPVS",
    version: 1,
    groups: new Map([["noise", 5], ["quiet", 6]]),
  });
});

const MALFORMED: readonly [name: string, text: string][] = [
  ["a family without a number", "1c000000 1000 0000 01000000 02000000 01020000 0500 0200 00000000"],
  ["a family without a name", "1c000000 1000 0000 01000000 02000000 01020000 0600 0100 25000000"],
  ["a message without a genlmsghdr", "10000000 1000 0000 01000000 02000000"],
];

for (const [name, text] of MALFORMED) {
  Deno.test(`decodeFamily() refuses ${name}`, () => {
    assert.throws(() => decodeFamily(splitMessages(hex(text))[0]!), WireError);
  });
}
