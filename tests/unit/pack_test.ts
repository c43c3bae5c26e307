import assert from "node:assert/strict";
import { assemble, type Machine } from "../../scripts/pack/assemble.ts";
import { packElf } from "../../scripts/pack/elf.ts";
import { ENTRY_CODE } from "../../scripts/pack/entry_code.ts";

Deno.test("the entry code is what its source assembles to", async () => {
  for (const machine of Object.keys(ENTRY_CODE) as Machine[]) {
    const kept = Uint8Array.fromBase64(ENTRY_CODE[machine]);
    assert.ok(kept.length > 100, machine);
    assert.deepEqual(await assemble(machine), kept, machine);
  }
});

Deno.test("packElf() refuses what it cannot pack", () => {
  const program = { args: ["x"], env: ["A=1"] };
  const elf = new Uint8Array(64);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  const cases: [string, Uint8Array, RegExp][] = [
    ["nothing", new Uint8Array(0), /not a 64-bit little-endian ELF/],
    ["a script", new TextEncoder().encode("#!/bin/sh\n".padEnd(80)), /not a 64-bit/],
    ["an unknown machine", elf, /no entry code for ELF machine 0/],
    ["no note to take the place of", withMachine(elf, 62), /no note segment/],
  ];
  for (const [name, bytes, wanted] of cases) {
    assert.throws(() => packElf(bytes, program), wanted, name);
  }
});

function withMachine(elf: Uint8Array, machine: number): Uint8Array {
  const copy = elf.slice();
  new DataView(copy.buffer).setUint16(18, machine, true);
  return copy;
}
