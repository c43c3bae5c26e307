import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import { testIpvsTable } from "./ipvs_table.ts";

testIpvsTable("MemoryIpvsTable", () => {
  const fake = new MemoryIpvsTable({ interfaces: ["sync0"] });
  return Promise.resolve({
    writer: fake,
    reader: fake,
    interface: "sync0",
    settle: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(fake.close()),
  });
}, { randomTables: 200, longBatch: 3000 });
