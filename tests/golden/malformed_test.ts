import assert from "node:assert/strict";
import type { Malformed } from "../../scripts/golden/malformed.ts";
import { WireError } from "../../src/errors.ts";
import { genlCommand } from "../../src/wire/genl.ts";
import { decodeListedServer, decodeListedService } from "../../src/wire/ipvs.ts";
import { splitMessages } from "../../src/wire/message.ts";
import { hex } from "../support/bytes.ts";

const FIXTURES: readonly Malformed[] = JSON.parse(
  await Deno.readTextFile(new URL("netlink/malformed.json", import.meta.url)),
);

Deno.test("malformed answers are all there, each with one name", () => {
  assert.ok(FIXTURES.length >= 60, `${FIXTURES.length} fixtures`);
  assert.equal(new Set(FIXTURES.map(({ name }) => name)).size, FIXTURES.length);
});

for (const { name, of, datagram } of FIXTURES) {
  Deno.test(`a malformed answer is refused: ${name}`, () => {
    assert.throws(() => {
      const messages = splitMessages(hex(datagram));
      for (const message of messages) {
        genlCommand(message);
        if (of === "service") decodeListedService(message, true);
        else decodeListedServer(message, "ipv4", true);
      }
    }, WireError);
  });
}
