/** CommandIpvsTable over an ipvsadm that is played by the fake; over the real one it runs in the guest. */

import { CommandIpvsTable } from "../../src/kernel/command/ipvs_table.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import { FakeIpvsadm } from "../support/fake_ipvsadm.ts";
import { testIpvsTable } from "./ipvs_table.ts";

for (const reading of ["itself", "the fake"]) {
  testIpvsTable(`CommandIpvsTable, read by ${reading}`, () => {
    const fake = new MemoryIpvsTable({ interfaces: ["sync0"] });
    const writer = new CommandIpvsTable(new FakeIpvsadm(fake));
    return Promise.resolve({
      writer,
      reader: reading === "itself" ? writer : fake,
      interface: "sync0",
      settle: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(writer.close()),
    });
  }, { randomTables: 50, longBatch: 3000 });
}
