import assert from "node:assert/strict";
import { isIP } from "node:net";
import fc from "fast-check";
import {
  addressFamily,
  addressFromBytes,
  addressToBytes,
  parseAddress,
} from "../../src/model/address.ts";
import { parseEndpoint, printEndpoint } from "../../src/model/endpoint.ts";

Deno.test("parseAddress() gives the one canonical spelling", () => {
  const cases: [string, string | undefined][] = [
    ["10.0.0.1", "10.0.0.1"],
    ["1.2.3.04", undefined],
    ["1.2.3", undefined],
    ["1.2.3.256", undefined],
    ["", undefined],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8::", "2001:db8::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::1.2.3.4", "::102:304"],
    ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
    ["1.2.3.4::", undefined],
    ["1:2:3:4:5:6:7:8::", undefined],
    ["1::2::3", undefined],
    [":1", undefined],
    [":::", undefined],
    ["fe80::1%eth0", undefined],
    ["12345::", undefined],
  ];
  for (const [text, wanted] of cases) assert.equal(parseAddress(text), wanted, text);
});

Deno.test("parseAddress() accepts exactly what node:net calls an address", () => {
  const piece = fc.constantFrom(
    "0",
    "1",
    "255",
    "256",
    "ffff",
    "10",
    ":",
    "::",
    ".",
    "a",
    "01",
    "1.2.3.4",
  );
  const text = fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.oneof(text, fc.ipV4(), fc.ipV6()), (candidate) => {
      assert.equal(parseAddress(candidate) !== undefined, isIP(candidate) !== 0, candidate);
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("an address is the same after bytes and after text", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
      .map((values) => Uint8Array.from(values)),
  );
  fc.assert(fc.property(bytes, (value) => {
    const address = addressFromBytes(value);
    assert.deepEqual(addressToBytes(address), value);
    assert.equal(parseAddress(address), address);
    assert.equal(addressFamily(address), value.length === 4 ? "ipv4" : "ipv6");
  }));
});

Deno.test("parseEndpoint() reads what printEndpoint() writes, and nothing looser", () => {
  for (const text of ["1.2.3.4:80", "[::1]:65535", "[2001:db8::2]:0"]) {
    const endpoint = parseEndpoint(text);
    assert.ok(endpoint, text);
    assert.equal(printEndpoint(endpoint), text);
  }
  for (
    const text of [
      "1.2.3.4",
      "::1:80",
      "[1.2.3.4]:80",
      "1.2.3.4:65536",
      "1.2.3.4:-1",
      ":80",
      "[::1]80",
    ]
  ) {
    assert.equal(parseEndpoint(text), undefined, text);
  }
});
