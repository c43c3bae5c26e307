import assert from "node:assert/strict";
import { findHostAddresses } from "../../src/config/hosts_file.ts";

Deno.test("findHostAddresses() finds a name wherever resolvers would", () => {
  const cases: [string, string, string[]][] = [
    ["nothing", "", []],
    ["a name", "10.0.0.1 node", ["10.0.0.1"]],
    ["an alias", "10.0.0.1 other node third", ["10.0.0.1"]],
    ["tabs, and blanks before and behind", " \t10.0.0.1\tother\t \tnode \t", ["10.0.0.1"]],
    ["other cases of letters", "10.0.0.1 NODE", ["10.0.0.1"]],
    ["a comment behind", "10.0.0.1 node# mine", ["10.0.0.1"]],
    ["lines of Windows", "10.0.0.1 node\r\n10.0.0.2 node\r\n", ["10.0.0.1", "10.0.0.2"]],
    ["several lines, in their order", "fd00::1 node\n10.0.0.1 node", ["fd00::1", "10.0.0.1"]],
    ["IPv6 in any spelling", "FD00:0:0::01 node", ["fd00::1"]],
    ["a name in a comment", "# 10.0.0.1 node\n10.0.0.2 other # node", []],
    ["a part of a name", "10.0.0.1 node2 my.node", []],
    ["a name alone", "node\nnode node", []],
    ["an address that is none", "10.0.0.256 node\n010.0.0.1 node\nfe80::1%eth0 node", []],
    ["bytes that are no text", "\0\x01\ufffd node\n\ufffd\n10.0.0.1 node\0", []],
    ["no line's end", "x".repeat(3_000_000), []],
    ["a name behind what anybody writes", `${"#\n".repeat(1_000_000)}10.0.0.1 node`, []],
  ];
  for (const [name, file, addresses] of cases) {
    assert.deepEqual(findHostAddresses(file, "node"), addresses, name);
  }
});
